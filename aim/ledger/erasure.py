"""Erasing what is personal: the clear values of entries go, their commitments and every proof stay.

Each erasure is itself an entry that names what was erased and why, and never what it said.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from aim.canonical import canonical_json
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.followers import hold_followers
from aim.ledger.models import Entry

_ACCOUNT = re.compile(r"usr_[0-9a-f]{32}", re.ASCII)
PER_ENTRY = 500
"""How many erased entries one entry of the ledger names."""
_STRETCH = 2_000
_DECIDED = Event.VERIFICATION_DECIDED.value
_READ = """
SELECT id, organization_id, kind, body, disclosures FROM ledger_entry
WHERE id > %s AND disclosures IS NOT NULL AND (%s::uuid IS NULL OR organization_id = %s::uuid)
ORDER BY id LIMIT %s
"""


class Person(NamedTuple):
    """Whose data are meant: an entry is theirs when one of these texts is a value in it, wherever it stands."""

    texts: frozenset[str] = frozenset()
    """User ids, e-mail addresses, sessions, network addresses."""
    entries: frozenset[UUID] = frozenset()

    def needles(self) -> list[bytes]:
        """What to look for in canonical JSON. Accounts are named by their bare id there."""
        bare = {text.removeprefix("usr_") for text in self.texts if _ACCOUNT.fullmatch(text)}
        return [canonical_json(text) for text in self.texts | bare]


class Found(NamedTuple):
    id: UUID
    organization_id: UUID | None
    kind: str


Blot = Callable[[Collection[UUID]], int]
_blots: dict[str, Blot] = {}


def register_blot(table: str, blot: Blot) -> None:
    """Register what else holds the clear values of entries: a function that erases them there by the entries' ids.

    It is called when those of the entries are gone, while no follower of the ledger takes a step.
    """
    _blots[table] = blot


def find_entries(person: Person, *, organization_id: UUID | None) -> Iterator[Found]:
    """All entries with clear values that name the person, oldest first; reads the whole ledger in stretches."""
    last, needles = UUID(int=0), person.needles()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_READ, [last, organization_id, organization_id, _STRETCH])
            rows = cursor.fetchall()
        found = [
            Found(entry_id, owner, kind)
            for entry_id, owner, kind, body, disclosures in rows
            if entry_id in person.entries or any(needle in disclosures or needle in body for needle in needles)
        ]
        yield from found
        yield from _about([one.id for one in found if one.kind == _DECIDED])
        if len(rows) < _STRETCH:
            return
        last = rows[-1][0]


def _about(decisions: list[UUID]) -> Iterator[Found]:
    """What was said later of these decisions, such as reports and approvals."""
    later = Entry.objects.filter(~Q(kind=_DECIDED), subject_id__in=decisions, disclosures__isnull=False)
    for entry_id, owner, kind in later.values_list("id", "organization_id", "kind"):
        yield Found(entry_id, owner, kind)


@transaction.atomic
def erase_entries(actor: Mapping[str, object], found: Collection[Found], *, reason: str) -> dict[str, int]:
    """Erase the clear values of these entries wherever they are kept, on record. Answers how many rows of each table.

    The reason is part of the record: it must not repeat what is erased.
    """
    counts = {"ledger_entry": 0, **dict.fromkeys(_blots, 0)}
    hold_followers()
    by_organization: dict[UUID | None, list[UUID]] = {}
    for one in found:
        by_organization.setdefault(one.organization_id, []).append(one.id)
    for organization_id, ids in by_organization.items():
        for start in range(0, len(ids), PER_ENTRY):
            some = ids[start : start + PER_ENTRY]
            erased = Entry.objects.filter(id__in=some, disclosures__isnull=False).update(disclosures=None)
            counts["ledger_entry"] += erased
            append_entry(
                kind=Event.LEDGER_ERASED,
                organization_id=organization_id,
                actor=actor,
                subject={"kind": "ledger"},
                data={"entries": [entry_id.hex for entry_id in some], "because": reason},
            )
        for table, blot in _blots.items():
            counts[table] += blot(ids)
    return counts


def forget_old_versions() -> None:
    """Clean the files of the database, in which what was overwritten stays until then. Not inside a transaction."""
    with connection.cursor() as cursor:
        for table in ("ledger_entry", *_blots):
            cursor.execute(f"VACUUM {connection.ops.quote_name(table)}")
