"""Verification of an agent that has no key: a named admin vouches for it, and it is marked so."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor, ActorKind
from accounts.errors import PermissionDeniedError
from accounts.permissions import Permission
from agents.errors import KeyConflictError
from agents.ledger_entries import record
from agents.models import Agent, AgentStatus, VerificationMethod
from agents.selectors import locked_agent
from agents.services.lifecycle import Transition, check_reason, check_transition
from agents.services.public_keys import OPEN
from agents.services.runtime import raise_epoch
from agents.services.trust import start_trust
from aim import clock
from aim.ledger.events import Event


@transaction.atomic
def attest_agent(actor: Actor, agent_id: UUID, *, reason: str) -> Agent:
    """Raises `KeyConflictError` for an agent with a key: that one proves it by a challenge."""
    actor.require(Permission.AGENTS_ATTEST)
    if actor.kind != ActorKind.PERSON:
        raise PermissionDeniedError(Permission.AGENTS_ATTEST)
    check_reason(reason)
    agent = locked_agent(actor, agent_id)
    check_transition(agent, Transition.VERIFY)
    if agent.public_keys.filter(status__in=OPEN).exists():
        raise KeyConflictError(_("The agent has a public key: let it answer a challenge instead."))
    agent.status = AgentStatus.VERIFIED
    agent.status_reason = reason
    agent.verified_at = clock.now()
    agent.verification_method = VerificationMethod.ATTESTATION
    agent.save(update_fields=["status", "status_reason", "verified_at", "verification_method", "updated_at"])
    entry = record(actor, Event.AGENT_ATTESTED, agent=agent, data={"reason": reason, "trust_score": 100})
    start_trust(agent, entry)
    raise_epoch(agent)
    return agent
