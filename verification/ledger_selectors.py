"""Reads of the ledger for those who may see it: people their organization's entries, agents the proofs of their own."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.contracts import Actor, ActorKind
from aim.errors import ConflictError, NotFoundError
from aim.ids import uuid7_floor
from aim.ledger.events import Event
from aim.ledger.models import Entry, Leaf
from aim.ledger.proofs import NotSealedError, Proof, prove_entry
from verification.models import Verification
from verification.selectors import verification_by_id

_DECIDED = Event.VERIFICATION_DECIDED.value
_NO_AGENT_S_BUSINESS = frozenset({"data.personal"})


class NotYetSealedError(ConflictError):
    """The entry is on record; the next checkpoint will cover it."""

    code = "not_sealed"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(_("No checkpoint covers this entry yet. Ask again in a few seconds."))


class EntryFilter(NamedTuple):
    """How a list of entries is narrowed. Times are those in the entries' ids."""

    kind: str | None = None
    subject_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def proof_of(actor: Actor, verification_id: UUID) -> Proof:
    """Raises `NotFoundError` as for an unknown decision, and `NotYetSealedError`."""
    verification = verification_by_id(actor, verification_id)
    try:
        return prove_entry(verification.id)
    except NotSealedError:
        raise NotYetSealedError from None
    except Entry.DoesNotExist:
        raise NotFoundError from None


def hidden_from(actor: Actor) -> frozenset[str]:
    """The places of an entry that are not disclosed: an agent is not told what the checks have found."""
    return _NO_AGENT_S_BUSINESS if actor.kind is ActorKind.AGENT else frozenset()


def entries_visible_to(actor: Actor, wanted: EntryFilter) -> tuple[QuerySet[Entry], QuerySet[Verification]]:
    """The entries that are no decisions, and the decisions, whose entries have the same ids.

    They are read by two indexes: the table of entries has none over decisions, which must cost no more than they do.
    """
    if actor.kind is not ActorKind.PERSON or actor.organization_id is None:
        return Entry.objects.none(), Verification.objects.none()
    entries = Entry.objects.filter(~Q(kind=_DECIDED), organization_id=actor.organization_id)
    decisions = Verification.objects.filter(organization_id=actor.organization_id)
    if wanted.kind == _DECIDED:
        entries = entries.none()
    elif wanted.kind is not None:
        entries, decisions = entries.filter(kind=wanted.kind), decisions.none()
    if wanted.subject_id is not None:
        entries = entries.filter(subject_id=wanted.subject_id)
        decisions = decisions.filter(Q(agent_id=wanted.subject_id) | Q(id=wanted.subject_id))
    if wanted.since is not None:
        entries, decisions = (
            entries.filter(id__gte=_floor(wanted.since)),
            decisions.filter(id__gte=_floor(wanted.since)),
        )
    if wanted.until is not None:
        entries, decisions = entries.filter(id__lt=_floor(wanted.until)), decisions.filter(id__lt=_floor(wanted.until))
    return entries, decisions


def places_of(entries: list[Entry]) -> dict[UUID, int]:
    """The final places of the entries that have one."""
    found = Leaf.objects.filter(entry_id__in=[entry.id for entry in entries])
    return dict(found.values_list("entry_id", "seq"))


def _floor(moment: datetime) -> UUID:
    return uuid7_floor(moment.astimezone(UTC).timestamp())
