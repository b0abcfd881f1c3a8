"""The upkeep of sign-ins."""

from importlib import import_module

from celery import shared_task
from django.conf import settings


@shared_task
def forget_expired_sessions() -> None:
    """Delete the sessions that nobody can use any more."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
