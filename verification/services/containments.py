"""Shutting something off for every agent of an organization, and opening it again."""

from collections.abc import Mapping
from ipaddress import ip_network
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.services.runtime import raise_epoch_of_organization
from aim import clock
from aim.errors import ConflictError, InvalidInputError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.resources.hosts import normalize_host
from aim.resources.patterns import validate_pattern
from aim.resources.text import HostileResourceError
from verification.models import Containment
from verification.selectors import containment_by_id

_LONGEST = 2048


@transaction.atomic
def place_containment(actor: Actor, *, kind: str, pattern: str, reason: str) -> Containment:
    """In force for every decision that is committed later. Raises `InvalidInputError` naming every problem."""
    actor.require(Permission.CONTAINMENTS_WRITE)
    normal, problems = _normal(kind, pattern)
    if not reason.strip():
        problems.append(Problem("reason", "required", _("Say why.")))
    if problems:
        raise InvalidInputError(tuple(problems))
    assert actor.organization_id is not None
    containment = Containment.objects.create(
        organization_id=actor.organization_id, kind=kind, pattern=normal, reason=reason
    )
    _append(actor, containment, Event.CONTAINMENT_PLACED, {"kind": kind, "pattern": normal, "reason": reason})
    raise_epoch_of_organization(actor.organization_id)
    return containment


@transaction.atomic
def lift_containment(actor: Actor, containment_id: UUID, *, reason: str) -> Containment:
    """Raises `ConflictError` when it has been lifted already."""
    actor.require(Permission.CONTAINMENTS_WRITE)
    containment_by_id(actor, containment_id)
    if not reason.strip():
        raise InvalidInputError((Problem("reason", "required", _("Say why.")),))
    containment = Containment.objects.select_for_update().get(id=containment_id)
    if containment.lifted_at is not None:
        raise ConflictError(_("This containment is lifted already."))
    containment.lifted_at = clock.now()
    containment.save(update_fields=["lifted_at"])
    data = {"kind": containment.kind, "pattern": containment.pattern, "reason": reason}
    _append(actor, containment, Event.CONTAINMENT_LIFTED, data)
    raise_epoch_of_organization(containment.organization_id)
    return containment


def _normal(kind: str, pattern: str) -> tuple[str, list[Problem]]:
    """The pattern as the check compares it, or what is wrong with it."""
    text = pattern.strip()
    if not text or len(text) > _LONGEST:
        return text, [
            Problem(
                "pattern",
                "invalid",
                ngettext(
                    "Must be text of 1 to %(most)s character.", "Must be text of 1 to %(most)s characters.", _LONGEST
                )
                % {"most": _LONGEST},
            )
        ]
    match kind:
        case Containment.Kind.ADDRESS:
            try:
                return str(ip_network(text)), []
            except ValueError:
                return text, [Problem("pattern", "invalid", _("Not an address or a network such as 10.0.0.0/8."))]
        case Containment.Kind.DESTINATION:
            try:
                return normalize_host(text), []
            except HostileResourceError as error:
                return text, [Problem("pattern", "invalid", str(error))]
        case Containment.Kind.RESOURCE:
            return text, [Problem("pattern", "invalid", problem) for problem in validate_pattern(text)]
        case Containment.Kind.USER | Containment.Kind.SESSION:
            return text, []
        case _:
            return text, [
                Problem(
                    "kind",
                    "invalid",
                    _("Must be one of %(choices)s.") % {"choices": ", ".join(Containment.Kind.values)},
                )
            ]


def _append(actor: Actor, containment: Containment, event: Event, data: Mapping[str, object]) -> None:
    append_entry(
        kind=event.value,
        organization_id=containment.organization_id,
        actor=actor.entry(),
        subject={"kind": "containment", "id": containment.id.hex},
        subject_id=containment.id,
        data=data,
    )
