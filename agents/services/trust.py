"""Every change of a trust score: one signed event more in the agent's chain, and the runtime row equal to its end.

Callers hold the agent's row locked, so that a chain has one end. A chain that does not hold is never added to: the
score is frozen, the agent suspended, and what was found is on record.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.errors import TrustNotSetError
from agents.ledger_entries import record
from agents.models import Agent, AgentRuntime, AgentStatus, TrustAccount
from agents.selectors import locked_agent
from agents.services.lifecycle import TRANSITIONS, Transition, check_reason, suspend_agent
from agents.services.runtime import raise_epoch
from agents.trust import BEGINNING, HIGHEST, LOWEST, RESTARTED, SignedStep, Step, sign
from agents.trust_records import Evidence, end_of_chain, last_known_score, next_number, store, tail_evidence
from aim import clock
from aim.errors import InvalidInputError, Problem
from aim.ids import uuid7
from aim.ledger.events import Event
from aim.ledger.models import Entry


class TrustChange(NamedTuple):
    """A step that a rule demands: how much, why, and from which entry of the ledger."""

    cause: str
    reason: str
    delta: Decimal
    entry_id: UUID
    seq: int | None
    at: datetime


def trust_actor(organization_id: UUID) -> Actor:
    """Who suspends an agent whose trust is gone."""
    return system_actor(organization_id, label="trust", permissions=frozenset({Permission.AGENTS_LIFECYCLE}))


def start_trust(agent: Agent, entry: Entry) -> None:
    """A verified agent begins with the full score; `entry` is that of its verification. The caller raises the epoch."""
    assert connection.in_atomic_block
    TrustAccount.objects.get_or_create(agent=agent)
    change = TrustChange("verified", "Agent verified", HIGHEST, entry.id, None, clock.now())
    store([_next_step(agent, end_of_chain(agent.id), change)])
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=HIGHEST)


def change_trust(agent: Agent, changes: Sequence[TrustChange]) -> Evidence | None:
    """Add the steps, each with its entry, and suspend the agent once it is below its own line.

    Answers what is wrong with the chain where it does not hold; nothing is changed then but what `freeze_trust` does.
    """
    assert connection.in_atomic_block
    end = end_of_chain(agent.id)
    if (evidence := tail_evidence(agent)) is not None or end is None:
        evidence = evidence or Evidence("the agent has no chain", {})
        freeze_trust(agent, evidence)
        return evidence
    actor = trust_actor(agent.organization_id)
    steps: list[SignedStep] = []
    for change in changes:
        end = _next_step(agent, end, change)
        steps.append(end)
        record(actor, Event.TRUST_CHANGED, agent=agent, data=_entry_data(end))
    store(steps)
    _set_score(agent, end.step.score)
    if end.step.score < agent.auto_suspend_below and agent.status == AgentStatus.VERIFIED:
        suspend_agent(actor, agent.id, reason=_suspension_reason(agent, steps))
    return None


def examine_trust(agent: Agent) -> Evidence | None:
    """Look at the end of the chain, the runtime row and the ledger; freeze the score where they do not agree."""
    assert connection.in_atomic_block
    evidence = tail_evidence(agent)
    if evidence is not None:
        freeze_trust(agent, evidence)
    return evidence


def freeze_trust(agent: Agent, evidence: Evidence) -> None:
    """Stop the score where it is, suspend the agent, and leave for the investigation what was found. Once is enough."""
    assert connection.in_atomic_block
    account, _ = TrustAccount.objects.select_for_update().get_or_create(agent=agent)
    if account.frozen_at is not None:
        return
    account.frozen_at = clock.now()
    account.frozen_because = evidence.problem
    account.save(update_fields=["frozen_at", "frozen_because"])
    actor = trust_actor(agent.organization_id)
    data: dict[str, object] = {"problem": evidence.problem, "evidence": dict(evidence.facts), "status": agent.status}
    record(actor, Event.TRUST_TAMPERED, agent=agent, data=data)
    if agent.status in TRANSITIONS[Transition.SUSPEND]:
        suspend_agent(actor, agent.id, reason=f"Trust score manipulation detected: {evidence.problem}")
    else:
        raise_epoch(agent)


@transaction.atomic
def set_trust_baseline(
    actor: Actor, agent_id: UUID, *, reason: str, score: int | None = None, restart: bool = False
) -> Agent:
    """An admin answers for the score from here on: after manipulation, or to give an agent another chance.

    Without `score` it is the last one that the ledger knows. A frozen score moves again afterwards; the agent stays
    suspended until somebody resumes it. `restart` begins the chain anew where it is sound too, for another signing key.
    Raises `TrustNotSetError` for an agent that was never verified.
    """
    actor.require(Permission.AGENTS_TRUST)
    check_reason(reason)
    if score is not None and not LOWEST <= score <= HIGHEST:
        raise InvalidInputError((Problem("score", "invalid", gettext("Choose a whole number from 0 to 100.")),))
    agent = locked_agent(actor, agent_id)
    if agent.verified_at is None or agent.status == AgentStatus.REVOKED:
        raise TrustNotSetError(agent.status)
    # Manipulation that nobody has met yet must not be covered up by a new beginning.
    examine_trust(agent)
    end = end_of_chain(agent.id)
    account, _ = TrustAccount.objects.select_for_update().get_or_create(agent=agent)
    wanted = last_known_score(agent) if score is None else Decimal(score)
    frozen = account.frozen_at is not None
    number = next_number(agent)
    data = {"number": number, "reason": reason, "score": str(wanted), "frozen_because": account.frozen_because}
    entry = record(actor, Event.TRUST_BASELINE_SET, agent=agent, data=data)
    cause = RESTARTED if frozen or restart else "baseline_set"
    change = TrustChange(cause, reason, wanted - (end.step.score if end else LOWEST), entry.id, None, clock.now())
    store([_next_step(agent, end, change, number=number)])
    account.frozen_at, account.frozen_because = None, ""
    account.save(update_fields=["frozen_at", "frozen_because"])
    _set_score(agent, wanted)
    return agent


def _set_score(agent: Agent, score: Decimal) -> None:
    """The epoch rises with it, lest a score that is put back by hand fit a snapshot from before."""
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=score, epoch=F("epoch") + 1)


def _next_step(agent: Agent, end: SignedStep | None, change: TrustChange, *, number: int | None = None) -> SignedStep:
    before = end.step.score if end else LOWEST
    score = min(HIGHEST, max(LOWEST, before + change.delta))
    return sign(
        Step(
            id=_id_after(end),
            organization_id=agent.organization_id,
            agent_id=agent.id,
            number=number or (end.step.number + 1 if end else 1),
            cause=change.cause,
            reason=change.reason,
            delta=score - before,
            score=score,
            entry_id=change.entry_id,
            seq=change.seq,
            at=change.at,
            previous=end.signature if end else BEGINNING,
        )
    )


def _id_after(end: SignedStep | None) -> UUID:
    """A new id above the last one's, so that lists by id stand in the order of the chain."""
    new = uuid7()
    return new if end is None or new > end.step.id else UUID(int=end.step.id.int + 1)


def _entry_data(signed: SignedStep) -> Mapping[str, object]:
    step = signed.step
    return {
        "number": step.number,
        "cause": step.cause,
        "reason": step.reason,
        "delta": str(step.delta),
        "score": str(step.score),
        "entry": step.entry_id.hex,
        "signature": signed.signature.hex(),
    }


def _suspension_reason(agent: Agent, steps: Sequence[SignedStep]) -> str:
    causes = "; ".join(f"{signed.step.reason} ({signed.step.delta:+})" for signed in steps[-5:])
    return f"Trust score {steps[-1].step.score} is below {agent.auto_suspend_below}: {causes}"
