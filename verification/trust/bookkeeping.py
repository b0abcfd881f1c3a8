"""From a batch of entries to events in the chains: what the rules demand is added once, whatever is read how often.

`TrustAccount.seq` is the first place in the ledger that an agent's chain has not been written from. A replay counts
anew from the first entry and adds nothing before that place, so that it ends with the same counters and the same chain.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from agents.models import Agent, TrustAccount
from agents.services.trust import TrustChange, change_trust, examine_trust
from agents.trust_records import entries_in_chain, last_baseline
from aim.arrays import array_of, text_array, uuid_array
from aim.ledger.followers import SealedEntry
from verification.trust.scoring import BROKEN, Observation, Progress, advance, observe

_ACCOUNTS = "SELECT agent_id, progress::text, seq FROM agents_trustaccount WHERE agent_id = ANY (%s::uuid[])"
_SAVE = """
UPDATE agents_trustaccount a SET progress = t.progress, seq = t.seq
FROM unnest(%s::uuid[], %s::jsonb[], %s::bigint[]) AS t(agent_id, progress, seq) WHERE a.agent_id = t.agent_id
"""
_decode = msgspec.json.Decoder(Progress).decode
_encode = msgspec.json.Encoder().encode


class _Due(NamedTuple):
    """A change to be written, and the baseline that was in force when it was found."""

    change: TrustChange
    baseline: str


class _Reading:
    """One agent in one batch."""

    def __init__(self, progress: str, seq: int) -> None:
        self.stored = progress
        self.seq = seq
        self.progress, self._before = _decode(progress), _decode(progress)
        self.due: list[_Due] = []
        self.suspicious = False
        """Whether a check broke, as it does where the score is not that of the chain."""

    def take(self, entry: SealedEntry, seen: Observation) -> None:
        move = advance(self.progress, seen, entry=entry.id.hex)
        if entry.seq < self.seq:
            return
        self.seq = entry.seq + 1
        self.suspicious |= seen.code == BROKEN
        if move is not None:
            at = datetime.fromisoformat(entry.body["at"])
            delta = Decimal(move.delta) / 100
            self.due.append(
                _Due(TrustChange(move.cause, move.reason, delta, entry.id, entry.seq, at), self.progress.baseline)
            )

    @property
    def changed(self) -> bool:
        """Whether there is anything to write: an agent that behaves and lacks nothing changes nothing."""
        return self.progress != self._before or self.stored == "{}" or bool(self.due) or self.suspicious


def keep_books(entries: Sequence[SealedEntry]) -> None:
    """Take the entries into account, in the caller's transaction."""
    seen = [(entry, observation) for entry in entries if (observation := observe(entry.body)) is not None]
    readings = _readings({observation.agent_id for _, observation in seen})
    for entry, observation in seen:
        if (reading := readings.get(observation.agent_id)) is not None:
            reading.take(entry, observation)
    _write_chains(readings)
    _save({agent_id: reading for agent_id, reading in readings.items() if reading.changed})


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
        told = entries_in_chain(agent.id, [due.change.entry_id for due in reading.due])
        changes = [due.change for due in reading.due if due.baseline == baseline and due.change.entry_id not in told]
        if changes:
            change_trust(agent, changes)


def _readings(agents: Collection[UUID]) -> dict[UUID, _Reading]:
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [uuid_array(agents)])
        return {agent_id: _Reading(progress, seq) for agent_id, progress, seq in cursor.fetchall()}


def _save(changed: Mapping[UUID, _Reading]) -> None:
    if not changed:
        return
    agents = sorted(changed)
    progress = [_encode(changed[agent_id].progress).decode() for agent_id in agents]
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE, [uuid_array(agents), text_array(progress), array_of([changed[agent_id].seq for agent_id in agents])]
        )
