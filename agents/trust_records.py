"""What is stored of trust, and whether it agrees: the chain, the runtime row that decisions read, and the ledger."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from msgspec.structs import asdict

from agents.models import Agent, AgentRuntime, AgentStatus, TrustEvent
from agents.trust import LOWEST, RESTARTED, SignedStep, Step, chain_problem
from aim.ledger.events import Event
from aim.ledger.models import Entry

_TAIL = 500
"""So many events are examined at each new one; the whole chain by `manage.py trust verify`, and every night."""
_NEWEST = 100
_ANCHORS = (Event.AGENT_VERIFIED, Event.AGENT_ATTESTED, Event.TRUST_CHANGED, Event.TRUST_BASELINE_SET)


class Evidence(NamedTuple):
    """What does not agree, in words, and the facts for whoever investigates."""

    problem: str
    facts: Mapping[str, object]


def store(steps: Sequence[SignedStep]) -> None:
    TrustEvent.objects.bulk_create(
        TrustEvent(**asdict(signed.step), key_id=signed.key_id, signature=signed.signature) for signed in steps
    )


def signed_step(row: TrustEvent) -> SignedStep:
    values = {field: getattr(row, field) for field in Step.__struct_fields__}
    step = Step(**values | {"previous": bytes(row.previous)})
    return SignedStep(step, row.key_id, bytes(row.signature))


def end_of_chain(agent_id: UUID) -> SignedStep | None:
    row = TrustEvent.objects.filter(agent_id=agent_id).order_by("-number").first()
    return signed_step(row) if row else None


def trust_history_of(agent: Agent) -> QuerySet[TrustEvent]:
    """Every step of the agent's trust; the caller has made sure that the actor may see the agent."""
    return TrustEvent.objects.filter(agent_id=agent.id, organization_id=agent.organization_id)


def scored_agents() -> QuerySet[Agent]:
    """Every agent that has a score which may be set: for operators, over all organizations."""
    return Agent.objects.exclude(verified_at=None).exclude(status=AgentStatus.REVOKED).order_by("id")


def last_baseline(agent_id: UUID) -> str:
    """The entry, in hex, that the score was last set by rather than moved."""
    rows = TrustEvent.objects.filter(agent_id=agent_id, cause__in=("verified", "baseline_set", RESTARTED))
    entry = rows.order_by("-number").values_list("entry_id", flat=True).first()
    return entry.hex if entry else ""


def tail_evidence(agent: Agent) -> Evidence | None:
    """What is wrong with the newest events of the chain, the runtime row, or their anchor in the ledger; or None."""
    rows = _believed(agent).order_by("-number")[: _TAIL + 1]
    chain = [signed_step(row) for row in reversed(rows)]
    before = chain.pop(0) if len(chain) > _TAIL else None
    return _evidence(agent, chain_problem(chain, before=before), chain[-1] if chain else None)


def whole_chain_evidence(agent: Agent) -> Evidence | None:
    """As `tail_evidence`, for every event since the chain was last restarted."""
    end: SignedStep | None = None
    problem: str | None = None
    for row in _believed(agent).order_by("number").iterator(chunk_size=_TAIL):
        signed = signed_step(row)
        problem = problem or chain_problem([signed], before=end)
        end = signed
    return _evidence(agent, problem, end)


def _believed(agent: Agent) -> QuerySet[TrustEvent]:
    """The events that are to hold: all of them, or those from the last restart on."""
    rows = TrustEvent.objects.filter(agent_id=agent.id)
    restarted = rows.filter(cause=RESTARTED).order_by("-number").values_list("number", flat=True).first()
    return rows if restarted is None else rows.filter(number__gte=restarted)


def _evidence(agent: Agent, problem: str | None, end: SignedStep | None) -> Evidence | None:
    problem = problem or _row_problem(agent, end) or _anchor_problem(agent, end)
    if problem is None:
        return None
    score = AgentRuntime.objects.values_list("trust_score", flat=True).get(agent_id=agent.id)
    anchor = _anchor(agent)
    facts = {
        "row_score": None if score is None else str(score),
        "chain_score": str(end.step.score) if end else None,
        "chain_number": end.step.number if end else 0,
        "ledger_entry": anchor["id"] if anchor else None,
        "ledger_number": _number_of(anchor) if anchor else None,
    }
    return Evidence(problem, facts)


def _row_problem(agent: Agent, end: SignedStep | None) -> str | None:
    score = AgentRuntime.objects.values_list("trust_score", flat=True).get(agent_id=agent.id)
    if score == (end.step.score if end else None):
        return None
    return f"the score {score} is not that of the signed chain"


def _anchor(agent: Agent) -> dict[str, Any] | None:
    """The entry of the ledger that tells of the last step of the agent's trust.

    Entries of one moment have no order in their ids, so the number decides among the newest.
    """
    rows = Entry.objects.filter(
        subject_id=agent.id, organization_id=agent.organization_id, kind__in=[kind.value for kind in _ANCHORS]
    ).exclude(kind=Event.VERIFICATION_DECIDED.value)
    entries = [json.loads(bytes(body)) for body in rows.order_by("-id").values_list("body", flat=True)[:_NEWEST]]
    return max(entries, key=_number_of, default=None)


def _number_of(entry: Mapping[str, Any]) -> int:
    """The step that the entry tells of; a verification is the first."""
    number: int = entry["data"].get("number", 1)
    return number


def _anchor_problem(agent: Agent, end: SignedStep | None) -> str | None:
    """A chain whose end was cut off, or that was put back to an older state, is no longer what the ledger says."""
    anchor = _anchor(agent)
    if anchor is None:
        return "the ledger does not know the chain" if end and end.step.number > 1 else None
    if end is None:
        return "the chain is gone"
    agrees = _number_of(anchor) == end.step.number and (
        anchor["data"]["signature"] == end.signature.hex()
        if anchor["kind"] == Event.TRUST_CHANGED.value
        else anchor["id"] == end.step.entry_id.hex
    )
    return None if agrees else "the end of the chain is not what the ledger says"


def next_number(agent: Agent) -> int:
    """A number that neither the chain nor the ledger has seen, however much of the chain is left."""
    end, anchor = end_of_chain(agent.id), _anchor(agent)
    return max(end.step.number if end else 0, _number_of(anchor) if anchor else 0) + 1


def last_known_score(agent: Agent) -> Decimal:
    """The score by the newest entry of the ledger that tells one: what nobody could change unseen."""
    anchor = _anchor(agent)
    if anchor is None:
        return LOWEST
    data = anchor["data"]
    return Decimal(str(data["score"] if "score" in data else data["trust_score"]))
