from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        # These need the loaded models.
        from accounts.dependents import register_dependent  # noqa: PLC0415
        from accounts.ownership import register_hand_over  # noqa: PLC0415
        from agents import alerts, fragments, navigation, needs  # noqa: F401, PLC0415
        from agents.api import schema  # noqa: F401, PLC0415
        from agents.services.ownership import hand_over_agents  # noqa: PLC0415
        from agents.services.requests import blot_requests  # noqa: PLC0415
        from agents.services.runtime import raise_epoch_of_organization  # noqa: PLC0415
        from aim.ledger.erasure import register_blot  # noqa: PLC0415

        register_blot("agents_agentrequest", blot_requests)
        register_dependent(raise_epoch_of_organization)
        register_hand_over(hand_over_agents)
