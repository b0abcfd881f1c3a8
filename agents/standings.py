"""How many of an organization's agents stand how: one look for all that a page says of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Q

from accounts.contracts import Actor
from agents.models import AgentStanding, AgentStatus


class Standings(NamedTuple):
    """`living` are all that are not revoked; `verified` to `owned` are counted among them."""

    pending: int
    suspended: int
    living: int
    verified: int
    keyed: int
    signing: int
    owned: int


_looked_up: ContextVar[dict[UUID, Standings] | None] = ContextVar("standings", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Within it a hundred thousand agents are counted once, and everything on the page agrees."""
    token = _looked_up.set({})
    try:
        yield
    finally:
        _looked_up.reset(token)


def standings_of(actor: Actor) -> Standings:
    """Of all agents of the actor's organization."""
    known = _looked_up.get()
    if known is not None and actor.scope in known:
        return known[actor.scope]
    found = _counted(actor)
    if known is not None:
        known[actor.scope] = found
    return found


def _counted(actor: Actor) -> Standings:
    living = ~Q(status=AgentStatus.REVOKED)
    counts = AgentStanding.objects.filter(organization_id=actor.scope).aggregate(
        pending=Count("agent_id", filter=Q(status=AgentStatus.PENDING)),
        suspended=Count("agent_id", filter=Q(status=AgentStatus.SUSPENDED)),
        living=Count("agent_id", filter=living),
        verified=Count("agent_id", filter=Q(status=AgentStatus.VERIFIED)),
        keyed=Count("agent_id", filter=living & ~Q(key_type="")),
        signing=Count("agent_id", filter=living & Q(require_signature=True)),
        owned=Count("agent_id", filter=living & Q(owner_id__isnull=False)),
    )
    return Standings(**counts)
