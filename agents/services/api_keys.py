"""API keys: bearer secrets of one agent, made and ended by people."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.errors import TransitionRefusedError
from agents.ledger_entries import record
from agents.models import Agent, AgentStatus, ApiKey
from agents.selectors import locked_agent
from agents.services.runtime import raise_epoch
from aim import clock
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from aim.secrets import BearerSecret, new_secret


def make_api_key(agent: Agent, expires_at: datetime | None = None) -> tuple[ApiKey, BearerSecret]:
    """The row and the secret behind it; the caller writes the entry."""
    secret = new_secret("aim")
    key = ApiKey.objects.create(agent=agent, prefix=secret.prefix, digest=secret.digest, expires_at=expires_at)
    return key, secret


@transaction.atomic
def create_api_key(actor: Actor, agent_id: UUID, *, expires_at: datetime | None = None) -> tuple[ApiKey, BearerSecret]:
    """One more key, so that an agent can change to it before the old one is revoked. None expires never."""
    actor.require(Permission.AGENTS_KEYS)
    agent = locked_agent(actor, agent_id)
    if agent.status == AgentStatus.REVOKED:
        raise TransitionRefusedError(agent.status, "given an API key")
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidInputError((Problem("expires_at", "past", _("Choose a moment in the future.")),))
    key, secret = make_api_key(agent, expires_at)
    data = {"id": key.id.hex, "prefix": key.prefix, "expires_at": clock.show_time(expires_at) if expires_at else None}
    record(actor, Event.API_KEY_CREATED, agent=agent, data=data)
    raise_epoch(agent)
    return key, secret


@transaction.atomic
def revoke_api_key(actor: Actor, agent_id: UUID, *, key_id: UUID) -> None:
    """Refused everywhere from the commit on. Raises `NotFoundError`, also for a key that is revoked already."""
    actor.require(Permission.AGENTS_KEYS)
    agent = locked_agent(actor, agent_id)
    key = ApiKey.objects.select_for_update().filter(agent=agent, id=key_id, revoked_at=None).first()
    if key is None:
        raise NotFoundError
    key.revoked_at = clock.now()
    key.save(update_fields=["revoked_at"])
    data = {"id": key.id.hex, "prefix": key.prefix}
    record(actor, Event.API_KEY_REVOKED, agent=agent, data=data)
    raise_epoch(agent)
