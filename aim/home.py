"""The first page: who you are, what there is, how an agent gets in. Wiring above the apps, like `aim.urls`."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.selectors import membership_by_user
from agents.selectors import agents_visible_to
from aim import clock
from aim.ids import uuid7_bytes
from verification.models import Verification

_RECENT = timedelta(hours=24)


@console_page(Permission.ORGANIZATION_READ)
def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    membership = membership_by_user(actor, actor.self_id)
    context = {
        "membership": membership,
        "agents": agents_visible_to(actor).count(),
        "decisions": _recent_decisions(actor),
        "since": clock.show_time(clock.now() - _RECENT),
        "origin": settings.ORIGIN,
    }
    return render(request, "home.html", context)


def _recent_decisions(actor: Actor) -> int:
    """Decisions of the last 24 hours, found by the time in their ids: the same cost however many there are."""
    since = UUID(bytes=uuid7_bytes((clock.now() - _RECENT).timestamp())[:6] + bytes(10))
    return Verification.objects.filter(organization_id=actor.scope, id__gte=since).count()
