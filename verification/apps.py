from importlib import import_module
from pkgutil import iter_modules

from django.apps import AppConfig

from accounts.dependents import register_dependent


class VerificationConfig(AppConfig):
    name = "verification"

    def ready(self) -> None:
        # Every module of the folder is a check and announces itself when imported; one that cannot be imported must
        # stop the start, for a missing check would allow what it should refuse.
        # The same holds for the conditions of policies: without one, a policy that names it is not understood. And for
        # followers: without one, what it derives would silently stand still.
        for name in ("verification.checks", "verification.policies.conditions", "verification.followers"):
            for module in iter_modules(import_module(name).__path__):
                import_module(f"{name}.{module.name}")
        import_module("verification.readiness")
        import_module("verification.agent_records")
        import_module("verification.activity")
        import_module("verification.ledger_blots")
        import_module("verification.ledger_counterpart")
        import_module("verification.navigation")
        import_module("verification.fragments")
        import_module("verification.needs")
        import_module("verification.agent_tab")
        import_module("verification.alerts")
        import_module("verification.trust_tab")
        import_module("verification.policy_tab")
        register_dependent(import_module("verification.policies.book").raise_generation)
        import_module("verification.dependents")
