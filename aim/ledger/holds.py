"""Legal holds: while one is in force, no entry that it covers leaves the database."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from aim import clock
from aim.errors import ConflictError, NotFoundError
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Hold


def active_holds() -> QuerySet[Hold]:
    return Hold.objects.filter(lifted_at=None).order_by("id")


@transaction.atomic
def place_hold(actor: Mapping[str, object], *, organization_id: UUID | None, reason: str) -> Hold:
    """Without an organization it covers everything."""
    hold = Hold.objects.create(organization_id=organization_id, reason=reason, placed_at=clock.now())
    _append(Event.LEDGER_HOLD_PLACED, actor, hold, reason)
    return hold


@transaction.atomic
def lift_hold(actor: Mapping[str, object], hold_id: UUID, *, reason: str) -> Hold:
    """Raises `NotFoundError`, and `ConflictError` when it has been lifted already."""
    hold = Hold.objects.select_for_update().filter(id=hold_id).first()
    if hold is None:
        raise NotFoundError
    if hold.lifted_at is not None:
        raise ConflictError(_("This hold is lifted already."))
    hold.lifted_at = clock.now()
    hold.save(update_fields=["lifted_at"])
    _append(Event.LEDGER_HOLD_LIFTED, actor, hold, reason)
    return hold


def _append(event: Event, actor: Mapping[str, object], hold: Hold, reason: str) -> None:
    append_entry(
        kind=event,
        organization_id=hold.organization_id,
        actor=actor,
        subject={"kind": "hold", "id": hold.id.hex},
        subject_id=hold.id,
        data={"reason": reason},
    )
