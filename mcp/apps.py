from django.apps import AppConfig


class McpConfig(AppConfig):
    name = "mcp"

    def ready(self) -> None:
        # These need the loaded models.
        from mcp import alerts, fragments, navigation, protected  # noqa: F401, PLC0415
        from mcp.views import tabs  # noqa: F401, PLC0415
