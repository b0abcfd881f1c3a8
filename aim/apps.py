from importlib import import_module

from django.apps import AppConfig


class AimConfig(AppConfig):
    name = "aim"

    def ready(self) -> None:
        import_module("aim.checks")
