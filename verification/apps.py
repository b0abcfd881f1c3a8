from importlib import import_module
from pkgutil import iter_modules

from django.apps import AppConfig


class VerificationConfig(AppConfig):
    name = "verification"

    def ready(self) -> None:
        # Every module of the folder is a check and announces itself when imported; one that cannot be imported must
        # stop the start, for a missing check would allow what it should refuse.
        package = import_module("verification.checks")
        for module in iter_modules(package.__path__):
            import_module(f"verification.checks.{module.name}")
        import_module("verification.readiness")
        import_module("verification.agent_records")
