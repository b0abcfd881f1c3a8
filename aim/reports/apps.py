from importlib import import_module

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "aim.reports"
    label = "reports"

    def ready(self) -> None:
        import_module("aim.reports.protected")
