"""How what is on record moves a score: a function of the entries alone, the same at every reading.

What somebody without the agent's key can bring about is held apart (`proved` is false): it costs a little, at most so
much a day, and never takes an agent below its own minimum. Otherwise whoever has a stolen API key could have the agent
suspended. Requests that could not even be authenticated are not recorded as decisions, and count nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from aim.ids import uuid_of
from aim.ledger.events import Event
from verification.codes import Code
from verification.trust.factors import FACTORS, FULL, Factor, Table, cents

_HOUR, _DAY = 3600, 86_400


class Observation(msgspec.Struct, frozen=True):
    """What one entry says. `code` is that of a factor, `approved`, or one of the two that set a score: see below."""

    agent_id: UUID
    code: str
    at: float
    proved: bool = True
    min_trust: int | None = None
    score: int = 0


class Progress(msgspec.Struct):
    """Where an agent stands: the score in hundredths (None before its verification), and what the rules count."""

    score: int | None = None
    baseline: str = ""
    """The entry that the score was last set by."""
    frozen: bool = False
    approvals: int = 0
    saved: int = 0
    hour: int = 0
    restored: int = 0
    ordinary: int = 0
    day: int = 0
    unproven: int = 0
    min_trust: int = 100


class Move(msgspec.Struct, frozen=True):
    """A change of the score in hundredths, and why."""

    cause: str
    reason: str
    delta: int


APPROVED, BASELINE, TAMPERED, BROKEN = "approved", "baseline", "tampered", Code.CHECK_FAILED.value
KINDS = frozenset(
    {
        Event.VERIFICATION_DECIDED,
        Event.VERIFICATION_COMPLETED,
        Event.VERIFICATION_COMPLETION_REFUSED,
        Event.APPROVAL_DENIED,
        Event.AGENT_VERIFIED,
        Event.AGENT_ATTESTED,
        Event.TRUST_BASELINE_SET,
        Event.TRUST_TAMPERED,
    }
)


def observe(body: Mapping[str, Any]) -> Observation | None:
    """What an entry of one of `KINDS` says of trust, or None where it says nothing."""
    data, kind = body["data"], body["kind"]
    match kind:
        case Event.VERIFICATION_DECIDED:
            return _decision(body)
        case Event.VERIFICATION_COMPLETED | Event.VERIFICATION_COMPLETION_REFUSED:
            failed = "failure" if data["report"]["status"] == "failure" else None
            code = data.get("refusal") or failed
            if code is None:
                return None
            return Observation(
                UUID(body["actor"]["id"]), f"report_{code}", _seconds(body), proved=data.get("proved", False)
            )
        case Event.APPROVAL_DENIED:
            # Agents that decide must not be able to bring others down.
            by_person = body["actor"]["kind"] == "person"
            agent = UUID(data["agent"]["id"])
            return Observation(agent, Code.APPROVAL_DENIED.value, _seconds(body)) if by_person else None
        case Event.TRUST_TAMPERED:
            return Observation(UUID(body["subject"]["id"]), TAMPERED, _seconds(body))
        case Event.AGENT_VERIFIED | Event.AGENT_ATTESTED | Event.TRUST_BASELINE_SET:
            score = float(data["score"] if "score" in data else data["trust_score"])
            return Observation(UUID(body["subject"]["id"]), BASELINE, _seconds(body), score=cents(score))
        case _:
            return None


def _decision(body: Mapping[str, Any]) -> Observation | None:
    data = body["data"]
    decision, agent = data["decision"], uuid_of(body["actor"]["id"])
    if decision["status"] == APPROVED:
        return Observation(agent, APPROVED, _seconds(body))
    code = decision["code"]
    if code != BROKEN and FACTORS.find(code) is None:
        return None
    return Observation(agent, code, _seconds(body), proved=_proved(data), min_trust=data["agent"]["min_trust"])


def _proved(data: Mapping[str, Any]) -> bool:
    """Whether the request was the agent's own, as far as this agent can prove it: signed, or not asked to sign.

    A nonce that was used before is found after the signature was found good.
    """
    if data["decision"]["code"] == Code.REPLAYED:
        return True
    return any(line["name"] == "signature" and line["result"] == "passed" for line in data["checks"])


def _seconds(body: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(body["at"]).timestamp()


def advance(progress: Progress, seen: Observation, *, entry: str, table: Table = FACTORS) -> Move | None:
    """Take one observation into account; answers the change of the score that follows, if there is one."""
    if seen.code == BASELINE:
        _restart(progress, seen.score, entry)
        return None
    if seen.code == TAMPERED:
        progress.frozen = True
    if progress.score is None or progress.frozen or seen.code == BROKEN:
        return None
    _turn_pages(progress, seen.at)
    if seen.min_trust is not None:
        progress.min_trust = seen.min_trust
    move = None
    if seen.code == APPROVED:
        move = _restore(progress, table)
    elif (factor := table.find(seen.code)) is not None:
        move = _charge(progress, factor, table, proved=seen.proved)
    if move is None or move.delta == 0:
        return None
    progress.score += move.delta
    return move


def _restart(progress: Progress, score: int, entry: str) -> None:
    fresh = Progress(score=score, baseline=entry)
    for name in Progress.__struct_fields__:
        setattr(progress, name, getattr(fresh, name))


def _turn_pages(progress: Progress, at: float) -> None:
    """Begin a new hour and a new day. Neither goes back: entries of one moment may stand in any order."""
    hour, day = int(at) // _HOUR, int(at) // _DAY
    if hour > progress.hour:
        progress.hour, progress.restored, progress.ordinary = hour, 0, 0
    if day > progress.day:
        progress.day, progress.unproven = day, 0


def _restore(progress: Progress, table: Table) -> Move | None:
    assert progress.score is not None
    rule = table.restoring
    progress.saved = min(cents(table.ordinary.saved), progress.saved + cents(table.ordinary.earned))
    if progress.score == FULL:
        progress.approvals = 0
        return None
    progress.approvals = min(rule.approvals, progress.approvals + 1)
    points = min(cents(rule.points), FULL - progress.score, cents(rule.most_an_hour) - progress.restored)
    if progress.approvals < rule.approvals or points <= 0:
        return None
    progress.approvals = 0
    progress.restored += points
    return Move("restored", f"{rule.approvals} actions approved", points)


def _charge(progress: Progress, factor: Factor, table: Table, *, proved: bool) -> Move | None:
    assert progress.score is not None
    if factor.kind == "ordinary" and not proved:
        return None
    if factor.kind == "unproven" or not proved:
        room = min(cents(table.unproven.most_a_day) - progress.unproven, progress.score - progress.min_trust * 100)
        cost = max(0, min(factor.cents, room))
        progress.unproven += cost
    elif factor.kind == "ordinary":
        if progress.saved >= cents(1):
            progress.saved -= cents(1)
            return None
        cost = max(0, min(factor.cents, cents(table.ordinary.most_an_hour) - progress.ordinary))
        progress.ordinary += cost
    else:
        cost = factor.cents
    return Move(factor.code, factor.title, -min(cost, progress.score))
