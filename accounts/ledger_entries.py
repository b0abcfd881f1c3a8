"""How the accounts' services write to the ledger: one line for each change."""

from collections.abc import Mapping
from uuid import UUID

from accounts.contracts import Actor
from accounts.models import Invitation, Membership, Organization, PersonalToken, SavedView, Team, User, UserSession
from aim.ledger.append import append_entry
from aim.ledger.events import Event

Subject = Organization | User | Membership | Team | PersonalToken | Invitation | UserSession | SavedView


def record(
    actor: Actor,
    event: Event,
    *,
    organization_id: UUID | None,
    subject: Subject,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> None:
    """Append the entry of one change, in the caller's transaction."""
    append_entry(
        kind=event.value,
        organization_id=organization_id,
        actor=actor.entry(),
        subject=_subject(subject),
        subject_id=subject.user_id if isinstance(subject, Membership) else subject.id,
        data=data,
        personal=personal,
    )


def _subject(subject: Subject) -> dict[str, object]:
    match subject:
        case Organization():
            return {"kind": "organization", "id": subject.id.hex, "label": subject.name}
        case User():
            return {"kind": "user", "id": subject.id.hex, "label": subject.email}
        case Membership():
            return {"kind": "user", "id": subject.user_id.hex, "label": subject.user.email}
        case Team():
            return {"kind": "team", "id": subject.id.hex, "label": subject.name}
        case Invitation():
            # The address stands in the personal part of the entry, where it can be erased.
            return {"kind": "invitation", "id": subject.id.hex, "label": subject.role}
        case UserSession():
            return {"kind": "session", "id": subject.id.hex, "label": subject.method}
        case SavedView():
            # Its name was typed by a person, and stands in the personal part.
            return {"kind": "view", "id": subject.id.hex, "label": subject.list_name}
        case PersonalToken():
            return {"kind": "token", "id": subject.id.hex, "label": subject.prefix}
