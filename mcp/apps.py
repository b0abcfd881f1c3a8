from django.apps import AppConfig


class McpConfig(AppConfig):
    name = "mcp"

    def ready(self) -> None:
        # These need the loaded models.
        from aim.reports.kinds import register_kind  # noqa: PLC0415
        from mcp import agent_tab, alerts, fragments, navigation, needs, protected  # noqa: F401, PLC0415
        from mcp.crypto_report import CRYPTO_REPORT  # noqa: PLC0415
        from mcp.followers import use  # noqa: F401, PLC0415
        from mcp.views import tabs  # noqa: F401, PLC0415

        register_kind(CRYPTO_REPORT)
