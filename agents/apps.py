from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        # These need the loaded models.
        from accounts.dependents import register_dependent  # noqa: PLC0415
        from agents.services.runtime import follow_access_change  # noqa: PLC0415

        register_dependent(follow_access_change)
