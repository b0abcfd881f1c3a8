"""From a batch of entries to events in the chains: what the rules demand is added once, whatever is read how often.

`TrustAccount.seq` is how far an agent's chain has been written from. A replay counts anew from the first entry and adds
nothing up to there, so that it ends with the same counters and the same chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from agents.models import Agent, TrustAccount
from agents.services.trust import TrustChange, change_trust, examine_trust
from agents.trust_records import last_baseline
from verification.trust.scoring import BROKEN, Observation, Progress, advance, observe


class SealedEntry(Protocol):
    """What is needed of an entry in its final place."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> UUID: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


class _Due(NamedTuple):
    """A change to be written, and the baseline that was in force when it was found."""

    change: TrustChange
    baseline: str


class _Reading:
    """One agent in one batch."""

    def __init__(self, account: TrustAccount) -> None:
        self.account = account
        self.progress = msgspec.convert(account.progress, Progress)
        self.due: list[_Due] = []
        self.suspicious = False
        """Whether a check broke, as it does where the score is not that of the chain."""

    def take(self, entry: SealedEntry, seen: Observation) -> None:
        move = advance(self.progress, seen, entry=entry.id.hex)
        if entry.seq <= self.account.seq:
            return
        self.account.seq = entry.seq
        self.suspicious |= seen.code == BROKEN
        if move is not None:
            at = datetime.fromisoformat(entry.body["at"])
            delta = Decimal(move.delta) / 100
            self.due.append(
                _Due(TrustChange(move.cause, move.reason, delta, entry.id, entry.seq, at), self.progress.baseline)
            )


def keep_books(entries: Sequence[SealedEntry]) -> None:
    """Take the entries into account, in the caller's transaction."""
    seen = [(entry, observation) for entry in entries if (observation := observe(entry.body)) is not None]
    readings = {
        account.agent_id: _Reading(account)
        for account in TrustAccount.objects.filter(agent_id__in={observation.agent_id for _, observation in seen})
    }
    for entry, observation in seen:
        if (reading := readings.get(observation.agent_id)) is not None:
            reading.take(entry, observation)
    _write_chains(readings)
    _save(readings.values())


def forget_progress() -> None:
    """Count anew from the first entry. The chains stay: they are signed history."""
    TrustAccount.objects.update(progress={})


def _write_chains(readings: Mapping[UUID, _Reading]) -> None:
    busy = sorted(agent_id for agent_id, reading in readings.items() if reading.due or reading.suspicious)
    if not busy:
        return
    # One order for everybody who locks several of them.
    agents = Agent.objects.select_for_update(no_key=True).filter(id__in=busy).order_by("id")
    for agent in agents:
        reading = readings[agent.id]
        frozen = TrustAccount.objects.filter(agent=agent).exclude(frozen_at=None).exists()
        if frozen or (reading.suspicious and examine_trust(agent) is not None):
            continue
        # An admin who has set the score anew since has answered for everything before.
        baseline = last_baseline(agent.id)
        changes = [due.change for due in reading.due if due.baseline == baseline]
        if changes:
            change_trust(agent, changes)


def _save(readings: Iterable[_Reading]) -> None:
    """Write what has changed; an agent that behaves and lacks nothing changes nothing."""
    changed = []
    for reading in readings:
        progress = msgspec.to_builtins(reading.progress)
        if progress != reading.account.progress or reading.due or reading.suspicious:
            reading.account.progress = progress
            changed.append(reading.account)
    TrustAccount.objects.bulk_update(changed, ["progress", "seq"])
