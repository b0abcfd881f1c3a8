from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "aim.mail"
    label = "mail"
