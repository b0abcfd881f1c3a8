from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "aim.ledger"
    label = "ledger"
