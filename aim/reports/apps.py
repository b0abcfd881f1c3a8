from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "aim.reports"
    label = "reports"
