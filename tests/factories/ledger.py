"""What the ledger says, to compare with what was done."""

from contextlib import contextmanager
from typing import Any
from uuid import UUID

from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry


def entries(organization_id: UUID) -> list[dict[str, Any]]:
    """All entries of the organization, oldest first, with their clear values."""
    rows = Entry.objects.filter(organization_id=organization_id).order_by("id")
    return [read_entry(row) for row in rows]


@contextmanager
def recorded(organization_id: UUID, *kinds: Event):
    """Exactly these entries are added inside the block; yields a list that then holds them."""
    before = {entry["id"] for entry in entries(organization_id)}
    added: list[dict[str, Any]] = []
    yield added
    added.extend(entry for entry in entries(organization_id) if entry["id"] not in before)
    assert sorted(entry["kind"] for entry in added) == sorted(kind.value for kind in kinds)
