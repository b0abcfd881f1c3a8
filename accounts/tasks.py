"""The upkeep of sign-ins."""

from importlib import import_module

from celery import shared_task
from django.conf import settings

from accounts.services.alert_webhook import deliver_due_calls, forget_old_calls
from accounts.services.notifications import forget_old_notifications
from accounts.services.sessions import forget_ended_sessions


@shared_task
def forget_expired_sessions() -> None:
    """Delete the sessions that nobody can use any more."""
    forget_ended_sessions()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


@shared_task
def forget_notifications() -> int:
    """Delete notifications that are too old to be news; answers how many."""
    return forget_old_notifications()


@shared_task
def post_alerts() -> int:
    """Make the calls to webhooks that are due; answers how many have arrived."""
    forget_old_calls()
    return deliver_due_calls()
