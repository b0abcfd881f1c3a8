from django.apps import AppConfig


class SecurityConfig(AppConfig):
    name = "security"

    def ready(self) -> None:
        # They register themselves, and need the loaded models.
        from aim.ledger.erasure import register_blot  # noqa: PLC0415
        from security import alerts, navigation, needs  # noqa: F401, PLC0415
        from security.services.reports import blot_reports  # noqa: PLC0415

        register_blot("security_report", blot_reports)
