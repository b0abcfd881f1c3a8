from importlib import import_module

from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "aim.mail"
    label = "mail"

    def ready(self) -> None:
        import_module("aim.mail.protected")
