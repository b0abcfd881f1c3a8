"""The only way into the ledger from Django: one entry, in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from aim import clock
from aim.canonical import canonical_json
from aim.ids import uuid7
from aim.ledger.commitments import commit, salts
from aim.ledger.hints import APPENDED
from aim.ledger.models import Entry

ENTRY_VERSION = 2
PERSONAL = "personal"
"""The member of an actor, a subject or data that stands for those of its members that may hold personal data."""
_PERSONAL_OF_ACTOR = {"person": ("address", "label")}
_PERSONAL_OF_SUBJECT = {"user": ("label",)}
_PERSONAL_OF_DATA = ("address", "comment", "email", "error", "message", "note", "pattern", "reason")


class Written(NamedTuple):
    """An entry as it is stored: what is sealed for ever, and what may be erased one day."""

    body: bytes
    disclosures: bytes


def write_entry(  # noqa: PLR0913 - an entry has these parts
    *,
    entry_id: UUID,
    kind: str,
    organization_id: UUID | None,
    at: datetime,
    actor: Mapping[str, object],
    subject: Mapping[str, object],
    subject_id: UUID | None,
    data: Mapping[str, object],
    personal: Mapping[str, object],
) -> Written:
    """The canonical JSON of an entry: who did what to which thing, when, and everything that explains it."""
    of_actor = _PERSONAL_OF_ACTOR.get(str(actor.get("kind")), ("address",))
    of_subject = _PERSONAL_OF_SUBJECT.get(str(subject.get("kind")), ())
    others, told = _parted(data, _PERSONAL_OF_DATA)
    disclosures: dict[str, list[object]] = {}
    body: dict[str, object] = {
        "v": ENTRY_VERSION,
        "id": entry_id.hex,
        "kind": kind,
        "organization": organization_id.hex if organization_id else None,
        "at": clock.show_time(at),
        "actor": _committed("actor", *_parted(actor, of_actor), disclosures),
        "subject": _committed("subject", *_parted(subject, of_subject), disclosures),
        "data": _committed("data", others, {**told, **personal}, disclosures),
    }
    index = subject_id.hex if subject_id else None
    if index != subject.get("id"):
        # The column by which the entry is found is bound to what is sealed, whatever it holds.
        body["index"] = index
    return Written(canonical_json(body), canonical_json(disclosures))


def append_entry(
    *,
    kind: str,
    organization_id: UUID | None,
    actor: Mapping[str, object],
    subject: Mapping[str, object],
    subject_id: UUID | None = None,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> Entry:
    """Add one entry. It must share a transaction with the change it tells of, or neither may be believed.

    `personal` holds those members of the data that may name or describe a person: free text, addresses, anything that
    an agent or a person has typed. They are read together with `data`, and can be erased while the rest is kept. So
    can the actor's address, the label of people, and in `data` the members whose name tells it, such as `reason`.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{kind} must be appended inside the transaction of its change")
    entry_id, moment = uuid7(), clock.now()
    # To the millisecond, as the sealed body has it, so that the column can be compared with it.
    at = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    body, disclosures = write_entry(
        entry_id=entry_id,
        kind=kind,
        organization_id=organization_id,
        at=at,
        actor=actor,
        subject=subject,
        subject_id=subject_id,
        data=data,
        personal=personal or {},
    )
    transaction.on_commit(APPENDED.touch, robust=True)
    return Entry.objects.create(
        id=entry_id,
        organization_id=organization_id,
        kind=kind,
        subject_id=subject_id,
        recorded_at=at,
        body=body,
        disclosures=disclosures,
    )


def _parted(members: Mapping[str, object], names: tuple[str, ...]) -> tuple[dict[str, object], dict[str, object]]:
    """The members without and with those names; what is None tells nothing of anybody."""
    personal = {name: members[name] for name in names if members.get(name) is not None}
    return {name: value for name, value in members.items() if name not in personal}, personal


def _committed(
    place: str, members: Mapping[str, object], personal: Mapping[str, object], disclosures: dict[str, list[object]]
) -> dict[str, object]:
    if PERSONAL in members or members.keys() & personal.keys():
        raise ValueError(f"{place} has a member twice, or one named {PERSONAL}")
    if not personal:
        return dict(members)
    salt = salts.take(1)
    disclosures[f"{place}.{PERSONAL}"] = [salt.hex(), personal]
    commitment = commit(salt, canonical_json(personal))
    return {**members, PERSONAL: {"fields": sorted(personal), "sha256": commitment}}
