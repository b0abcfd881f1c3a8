from django.apps import AppConfig


class AimConfig(AppConfig):
    name = "aim"
