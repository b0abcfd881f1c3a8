from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        # These need the loaded models.
        from accounts.dependents import register_dependent  # noqa: PLC0415
        from agents import fragments, navigation  # noqa: F401, PLC0415
        from agents.api import schema  # noqa: F401, PLC0415
        from agents.services.runtime import raise_epoch_of_organization  # noqa: PLC0415

        register_dependent(raise_epoch_of_organization)
