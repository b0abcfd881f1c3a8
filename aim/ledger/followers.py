"""What reads the ledger after the fact: each follower is one file with a name, a batch function and a way to forget.

Its cursor is a row that moves in the same transaction as what it derives, so that an entry counts exactly once however
often a process dies. Therefore it can also be set back to zero, and comes to the same result again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from aim import clock
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Follower

SYSTEM: Mapping[str, object] = {"kind": "system", "id": None, "label": "AIM", "address": None, "credential": None}
OPERATOR: Mapping[str, object] = {**SYSTEM, "kind": "operator", "label": "operator"}
_LONGEST_ERROR = 1000

# Lost in a crash, both the cursor and what it stands for are lost, and come again. In one statement: each that a step
# needs costs as much as following many entries.
_HOLD = """
SELECT seq, stopped_at IS NOT NULL, erased_at, set_config('synchronous_commit', 'off', true)
FROM ledger_follower WHERE name = %s FOR UPDATE
"""
_MOVE = "UPDATE ledger_follower SET seq = %s, updated_at = %s, error = '' WHERE name = %s"


class SealedEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry in its final place. Parsed once for all followers of the process, so nobody may change `body`.

    `body` is as `aim.ledger.reading.read_body` gives it: with the clear values that are not erased.
    """

    seq: int
    id: UUID
    kind: str
    organization_id: UUID | None
    subject_id: UUID | None
    recorded_at: datetime
    body: dict[str, Any]


class FollowerLike(Protocol):
    """Both run inside one transaction together with the cursor's move, and depend on nothing but the entries."""

    def follow(self, entries: Sequence[SealedEntry]) -> None:
        """Take in the next entries of the kinds asked for, in order."""

    def reset(self) -> None:
        """Delete what was derived: all entries will come again from the first."""


F = TypeVar("F", bound=FollowerLike)


@dataclass(frozen=True)
class Registered:
    name: str
    kinds: frozenset[str] | None
    """The kinds of entries it is given; None means all."""
    follower: FollowerLike
    pause: float = 0.0
    """So many seconds it waits between steps, so that each takes in more at once."""

    def wanted(self, entries: Iterable[SealedEntry]) -> list[SealedEntry]:
        return [entry for entry in entries if self.kinds is None or entry.kind in self.kinds]


class UnknownFollowerError(LookupError):
    """No follower has this name."""


_registered: dict[str, Registered] = {}


def follower(*, name: str, kinds: Iterable[str] | None, pause: float = 0.0) -> Callable[[type[F]], type[F]]:
    """Register a class of followers. Names are stored with the cursor: never reuse one for something else."""

    def register(cls: type[F]) -> type[F]:
        if name in _registered:
            raise RuntimeError(f"Two followers are named {name}")
        _registered[name] = Registered(name, None if kinds is None else frozenset(map(str, kinds)), cls(), pause)
        return cls

    return register


def registered_followers() -> list[Registered]:
    return sorted(_registered.values(), key=lambda known: known.name)


def registered_follower(name: str) -> Registered:
    """Raises `UnknownFollowerError`."""
    if name not in _registered:
        raise UnknownFollowerError(name)
    return _registered[name]


class Stretch(msgspec.Struct, frozen=True):
    """The entries after some number, up to and including `upto`; those of kinds that nobody follows are left out."""

    entries: list[SealedEntry]
    upto: int


@dataclass(frozen=True)
class Step:
    """Where a follower stands; `moved` is None when it has been stopped."""

    seq: int
    moved: int | None


def take_step(known: Registered, read: Callable[[int, datetime | None], Stretch]) -> Step:
    """Let the follower take in what `read` gives for its cursor, and move the cursor, in one transaction.

    `read` is told where the follower stands, and when clear values were last erased.
    The row's lock keeps a second process, or a replay that begins meanwhile, from coming between.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            seq, stopped, erased_at = _hold(cursor, known.name)
            if stopped:
                return Step(seq, None)
            stretch = read(seq, erased_at)
            if stretch.upto <= seq:
                return Step(seq, 0)
            entries = known.wanted(stretch.entries)
            if entries:
                known.follower.follow(entries)
            cursor.execute(_MOVE, [stretch.upto, clock.now(), known.name])
        return Step(stretch.upto, stretch.upto - seq)


def _hold(cursor: CursorWrapper, name: str) -> tuple[int, bool, datetime | None]:
    """Lock the row, and answer where the follower stands, whether it has been stopped, and when values were erased."""
    cursor.execute(_HOLD, [name])
    row = cursor.fetchone()
    if row is None:
        Follower.objects.get_or_create(name=name)
        cursor.execute(_HOLD, [name])
        row = cursor.fetchone()
    seq, stopped, erased_at, _ = row
    return seq, stopped, erased_at


def note_error(name: str, error: str) -> None:
    """Keep why the last step failed, for whoever asks; the next good step clears it."""
    Follower.objects.filter(name=name).update(error=error[:_LONGEST_ERROR])


@transaction.atomic
def stop_follower(name: str, *, error: str) -> None:
    """A follower that cannot go on stays where it is until somebody restarts it."""
    row = Follower.objects.select_for_update().get(name=name)
    if row.stopped_at is not None:
        return
    row.stopped_at, row.error = clock.now(), error[:_LONGEST_ERROR]
    row.save()
    _record(Event.FOLLOWER_STOPPED, SYSTEM, row, {"error": row.error})


def hold_followers() -> None:
    """Keep all followers where they are until the caller's transaction ends.

    What they have read ahead by then, they read again: the caller is about to erase clear values.
    """
    assert connection.in_atomic_block
    _wait_for_steps()
    list(Follower.objects.select_for_update().order_by("name"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_follower SET erased_at = clock_timestamp()")


@transaction.atomic
def restart_follower(name: str, *, actor: Mapping[str, object] = OPERATOR) -> int:
    """Let a stopped follower go on from where it stands; answers where."""
    row = _locked(registered_follower(name))
    was = row.stopped_at
    row.stopped_at, row.error = None, ""
    row.save()
    _record(Event.FOLLOWER_RESTARTED, actor, row, {"stopped_at": clock.show_time(was) if was else None})
    return row.seq


@transaction.atomic
def replay_follower(name: str, *, actor: Mapping[str, object] = OPERATOR) -> int:
    """Delete what the follower derived and let it begin again at the first entry; answers where it stood."""
    known = registered_follower(name)
    row = _locked(known)
    known.follower.reset()
    stood, row.seq = row.seq, -1
    row.stopped_at, row.error = None, ""
    row.save()
    _record(Event.FOLLOWER_REPLAYED, actor, row, {"stood_at": stood})
    return stood


def _wait_for_steps() -> None:
    """Wait longer for a lock than usual, in this transaction: a step of a follower may be a long one."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")


def _locked(known: Registered) -> Follower:
    _wait_for_steps()
    Follower.objects.get_or_create(name=known.name)
    return Follower.objects.select_for_update().get(name=known.name)


def _record(event: Event, actor: Mapping[str, object], row: Follower, data: Mapping[str, object]) -> None:
    append_entry(
        kind=event,
        organization_id=None,
        actor=actor,
        subject={"kind": "follower", "id": row.name, "label": row.name},
        data={"seq": row.seq, **data},
    )
