"""Whether an entry is what was sealed: its body, the columns beside it, and what is disclosed of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from aim.clock import show_time
from aim.ledger.audit.findings import Audited, Finding
from aim.ledger.events import Event
from aim.ledger.reading import disclosure_bytes, read_body
from aim.ledger.tree import leaf_hash

_DECIDED = Event.VERIFICATION_DECIDED.value
_FIRST_VERSION_SLACK = timedelta(seconds=60)


class EntryRow(NamedTuple):
    """A place in the ledger with the entry that belongs there; the entry's columns are None where it is gone."""

    seq: int
    entry_id: UUID
    leaf: bytes
    id: UUID | None
    organization_id: UUID | None
    kind: str
    subject_id: UUID | None
    recorded_at: datetime
    body: bytes
    disclosures: bytes | None

    @property
    def shown(self) -> str:
        return f"entry {self.entry_id} (seq {self.seq})"


def read_row(row: EntryRow) -> tuple[Audited | None, list[Finding]]:
    """The entry, where its body is the one that was sealed, and all that is wrong with it."""
    if leaf_hash(row.body) != row.leaf:
        return None, [Finding("entry_altered", row.shown, "the body is not the one that was given this place")]
    try:
        body = read_body(row.body, row.disclosures)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        return None, [Finding("entry_unreadable", row.shown, f"{type(error).__name__}: {error}")]
    found = [
        Finding("column_altered", row.shown, f"{name} is {has}, sealed is {sealed}")
        for name, has, sealed in _columns(row, body)
        if has != sealed
    ]
    found += _disclosures(row, body)
    return Audited(row.seq, row.entry_id, row.kind, body), found


def _columns(row: EntryRow, body: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    yield "id", row.id and row.id.hex, body["id"]
    yield "organization_id", row.organization_id and row.organization_id.hex, body["organization"]
    yield "kind", row.kind, body["kind"]
    if body["v"] == 1:
        near = abs(row.recorded_at - datetime.fromisoformat(body["at"])) <= _FIRST_VERSION_SLACK
        yield "recorded_at", body["at"] if near else show_time(row.recorded_at), body["at"]
        return
    owner = body["actor"] if body["kind"] == _DECIDED else body["subject"]
    yield "subject_id", row.subject_id and row.subject_id.hex, body["index"] if "index" in body else owner.get("id")
    exact = row.recorded_at.microsecond % 1000 == 0
    yield "recorded_at", show_time(row.recorded_at) if exact else row.recorded_at.isoformat(), body["at"]


def _disclosures(row: EntryRow, body: dict[str, Any]) -> Iterator[Finding]:
    if body["altered"]:
        yield Finding("disclosure_altered", row.shown, f"not what was committed to: {', '.join(body['altered'])}")
    elif row.disclosures is not None:
        if body["erased"]:
            yield Finding("disclosure_missing", row.shown, f"not disclosed: {', '.join(body['erased'])}")
        elif disclosure_bytes(row.body, row.disclosures) != row.disclosures:
            yield Finding("disclosure_altered", row.shown, "discloses more than was committed to")
