"""Where each step of an agent's trust came from: the page of the decision, approval or change behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import TrustEvent
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from aim.ledger.models import Entry
from verification.selectors import verifications_visible_to

_ABOUT_DECISIONS: Mapping[str, Promise] = {
    Event.VERIFICATION_COMPLETED.value: _("Report of the action"),
    Event.VERIFICATION_COMPLETION_REFUSED.value: _("Report of the action"),
    Event.APPROVAL_DENIED.value: _("Denied approval"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """`url` is empty where there is no page to open; the entry's id stands in the list anyway."""

    label: Promise | str
    url: str


def sources_of(actor: Actor, events: Sequence[TrustEvent]) -> dict[UUID, Source]:
    """By the id of the entry that caused the step, in two queries. Nothing of another organization is found."""
    entries = {event.entry_id for event in events}
    known = Entry.objects.filter(id__in=entries, organization_id=actor.scope).exclude(
        kind=Event.VERIFICATION_DECIDED.value
    )
    about = {entry_id: (kind, subject) for entry_id, kind, subject in known.values_list("id", "kind", "subject_id")}
    decisions = {entry_id: entry_id for entry_id in entries if entry_id not in about} | {
        entry_id: subject for entry_id, (kind, subject) in about.items() if kind in _ABOUT_DECISIONS and subject
    }
    found: set[UUID] = set()
    if actor.may(Permission.VERIFICATIONS_READ):
        found = set(verifications_visible_to(actor).filter(id__in=decisions.values()).values_list("id", flat=True))
    sources = {}
    for entry_id in entries:
        kind, _subject = about.get(entry_id, ("", None))
        verification = decisions.get(entry_id)
        label = _ABOUT_DECISIONS.get(kind, _("Decision") if not kind else _("Change of the agent"))
        url = _page(verification) if verification in found and verification is not None else ""
        sources[entry_id] = Source(label, url)
    return sources


def _page(verification_id: UUID) -> str:
    return reverse("verification:verification-detail", args=[show_id(IdKind.VERIFICATION, verification_id)])
