from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # They register themselves, and need the loaded models.
        from accounts import alerts, checks, fragments, navigation, needs, protected  # noqa: F401, PLC0415
        from accounts.api import schema  # noqa: F401, PLC0415
        from accounts.followers import alerts as alerts_follower  # noqa: F401, PLC0415
        from accounts.followers import notifications  # noqa: F401, PLC0415
        from accounts.services.notifications import blot_notifications  # noqa: PLC0415
        from aim.ledger.erasure import register_blot  # noqa: PLC0415

        register_blot("accounts_notification", blot_notifications)
