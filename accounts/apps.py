from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # Both register themselves, and need the loaded models.
        from accounts import checks  # noqa: F401, PLC0415
        from accounts.api import schema  # noqa: F401, PLC0415
