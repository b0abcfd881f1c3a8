"""The states of an agent and the one table of what leads from one to another."""

from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.dependents import tell_dependents
from agents.errors import TransitionRefusedError, TrustFrozenError
from agents.ledger_entries import record
from agents.models import Agent, AgentStatus, TrustAccount
from agents.selectors import locked_agent
from agents.services.runtime import raise_epoch
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event

_LONGEST_REASON = 2000


class Transition(StrEnum):
    """Each is the word that a refusal uses."""

    VERIFY = "verified"
    SUSPEND = "suspended"
    RESUME = "resumed"
    REVOKE = "revoked"


TRANSITIONS: dict[Transition, frozenset[AgentStatus]] = {
    Transition.VERIFY: frozenset({AgentStatus.PENDING}),
    Transition.SUSPEND: frozenset({AgentStatus.PENDING, AgentStatus.VERIFIED}),
    Transition.RESUME: frozenset({AgentStatus.SUSPENDED}),
    Transition.REVOKE: frozenset({AgentStatus.PENDING, AgentStatus.VERIFIED, AgentStatus.SUSPENDED}),
}


def check_transition(agent: Agent, transition: Transition) -> None:
    """Raise `TransitionRefusedError` unless the agent's status is one the transition may start from."""
    if agent.status not in TRANSITIONS[transition]:
        raise TransitionRefusedError(agent.status, transition.value)


def check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        message = ngettext(
            "Say why, in at most %(most)s character.", "Say why, in at most %(most)s characters.", _LONGEST_REASON
        ) % {"most": _LONGEST_REASON}
        raise InvalidInputError((Problem("reason", "required", message),))


@transaction.atomic
def suspend_agent(actor: Actor, agent_id: UUID, *, reason: str) -> Agent:
    """In force for every decision that is committed later, in every process."""
    actor.require(Permission.AGENTS_LIFECYCLE)
    return _move(actor, agent_id, Transition.SUSPEND, to=AgentStatus.SUSPENDED, reason=reason)


@transaction.atomic
def resume_agent(actor: Actor, agent_id: UUID, *, reason: str) -> Agent:
    """Back to what the agent was: an agent that was never verified is pending again.

    Raises `TrustFrozenError` where the agent's trust was manipulated, until an admin has set it anew.
    """
    actor.require(Permission.AGENTS_LIFECYCLE)
    if TrustAccount.objects.filter(agent=locked_agent(actor, agent_id)).exclude(frozen_at=None).exists():
        raise TrustFrozenError
    return _move(actor, agent_id, Transition.RESUME, to=None, reason=reason)


@transaction.atomic
def revoke_agent(actor: Actor, agent_id: UUID, *, reason: str) -> Agent:
    """For ever. The agent and its records stay."""
    actor.require(Permission.AGENTS_LIFECYCLE)
    return _move(actor, agent_id, Transition.REVOKE, to=AgentStatus.REVOKED, reason=reason)


_EVENTS = {
    Transition.SUSPEND: Event.AGENT_SUSPENDED,
    Transition.RESUME: Event.AGENT_RESUMED,
    Transition.REVOKE: Event.AGENT_REVOKED,
}


def _move(actor: Actor, agent_id: UUID, transition: Transition, *, to: AgentStatus | None, reason: str) -> Agent:
    check_reason(reason)
    agent = locked_agent(actor, agent_id)
    check_transition(agent, transition)
    before = agent.status
    agent.status = to or (AgentStatus.VERIFIED if agent.verified_at else AgentStatus.PENDING)
    agent.status_reason = reason
    agent.save(update_fields=["status", "status_reason", "updated_at"])
    data = {"before": before, "after": str(agent.status), "reason": reason}
    record(actor, _EVENTS[transition], agent=agent, data=data)
    raise_epoch(agent)
    if to is not None:
        tell_dependents(actor, agent)
    return agent
