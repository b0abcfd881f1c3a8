from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # They register themselves, and need the loaded models.
        from accounts import alerts, checks, fragments, navigation, needs, protected  # noqa: F401, PLC0415
        from accounts.api import schema  # noqa: F401, PLC0415
        from accounts.followers import alerts as alerts_follower  # noqa: F401, PLC0415
