from importlib import import_module

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "aim.ledger"
    label = "ledger"

    def ready(self) -> None:
        import_module("aim.ledger.lag")
        import_module("aim.ledger.sealing")
        import_module("aim.ledger.deliveries")
        import_module("aim.ledger.protected")
