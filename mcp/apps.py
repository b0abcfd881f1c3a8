from django.apps import AppConfig


class McpConfig(AppConfig):
    name = "mcp"

    def ready(self) -> None:
        # These need the loaded models.
        from mcp import alerts  # noqa: F401, PLC0415
