"""The only way into the ledger from Django: one entry, in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from aim import clock
from aim.canonical import canonical_json
from aim.ids import uuid7
from aim.ledger.hints import APPENDED
from aim.ledger.models import Entry

ENTRY_VERSION = 1


def entry_body(
    *,
    entry_id: UUID,
    kind: str,
    organization_id: UUID | None,
    at: datetime,
    actor: Mapping[str, object],
    subject: Mapping[str, object],
    data: Mapping[str, object],
) -> bytes:
    """The canonical JSON of an entry: who did what to which thing, when, and everything that explains it."""
    return canonical_json(
        {
            "v": ENTRY_VERSION,
            "id": entry_id.hex,
            "kind": kind,
            "organization": organization_id.hex if organization_id else None,
            "at": clock.show_time(at),
            "actor": actor,
            "subject": subject,
            "data": data,
        }
    )


def append_entry(
    *,
    kind: str,
    organization_id: UUID | None,
    actor: Mapping[str, object],
    subject: Mapping[str, object],
    subject_id: UUID | None = None,
    data: Mapping[str, object],
) -> Entry:
    """Add one entry. It must share a transaction with the change it tells of, or neither may be believed."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"{kind} must be appended inside the transaction of its change")
    entry_id = uuid7()
    body = entry_body(
        entry_id=entry_id,
        kind=kind,
        organization_id=organization_id,
        at=clock.now(),
        actor=actor,
        subject=subject,
        data=data,
    )
    transaction.on_commit(APPENDED.touch, robust=True)
    return Entry.objects.create(
        id=entry_id, organization_id=organization_id, kind=kind, subject_id=subject_id, body=body
    )
