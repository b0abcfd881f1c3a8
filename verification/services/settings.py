"""What an organization wants of its agents' decisions beyond single agents."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.models import Organization
from accounts.permissions import Permission
from agents.services.runtime import raise_epoch_of_organization
from aim import clock
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.models import VerificationSettings
from verification.selectors import verification_settings_of


@transaction.atomic
def update_verification_settings(
    actor: Actor, *, anomaly_effect: str | None = None, anomaly_threshold: int | None = None
) -> VerificationSettings:
    """Change what is given; in force for every decision that is committed later. No entry where nothing differs.

    Where the organization wants a second person for changes of policies, the first who asks only proposes it, and it
    is in force once somebody else asks for the same. The answer says in `proposed` what waits.
    """
    actor.require(Permission.ORGANIZATION_WRITE)
    if problems := _problems(anomaly_effect, anomaly_threshold):
        raise InvalidInputError(tuple(problems))
    organization, row = _locked(actor)
    wanted = {"anomaly_effect": anomaly_effect, "anomaly_threshold": anomaly_threshold}
    new = {name: value for name, value in wanted.items() if value is not None and value != getattr(row, name)}
    if not new:
        return row
    if organization.policy_changes_need_second_person and not _is_second(actor, row, new):
        return _propose(actor, organization, row, new)
    changes = {name: {"before": getattr(row, name), "after": value} for name, value in new.items()}
    for name, value in new.items():
        setattr(row, name, value)
    data: dict[str, object] = {"changes": changes}
    if row.proposed and row.proposed_by is not None:
        data["proposed_by"] = {"id": row.proposed_by.id.hex}
    _forget_proposal(row)
    _record(actor, organization, Event.VERIFICATION_SETTINGS_CHANGED, data)
    raise_epoch_of_organization(organization.id)
    return row


@transaction.atomic
def decline_verification_settings(actor: Actor) -> VerificationSettings:
    """Take back or turn down what waits; no entry where nothing does."""
    actor.require(Permission.ORGANIZATION_WRITE)
    organization, row = _locked(actor)
    if row.proposed:
        _record(actor, organization, Event.VERIFICATION_SETTINGS_DECLINED, {"proposed": row.proposed})
        _forget_proposal(row)
    return row


def _locked(actor: Actor) -> tuple[Organization, VerificationSettings]:
    organization = Organization.objects.select_for_update(no_key=True).filter(id=actor.scope).first()
    if organization is None:
        raise NotFoundError
    return organization, verification_settings_of(actor)


def _is_second(actor: Actor, row: VerificationSettings, new: Mapping[str, Any]) -> bool:
    """Whether somebody else has asked for exactly this. A proposal whose person is gone is nobody's."""
    return row.proposed == new and row.proposed_by_id is not None and row.proposed_by_id != actor.id


def _propose(
    actor: Actor, organization: Organization, row: VerificationSettings, new: dict[str, Any]
) -> VerificationSettings:
    if row.proposed == new and row.proposed_by_id == actor.id:
        return row
    row.proposed, row.proposed_by_id, row.proposed_at = new, actor.id, clock.now()
    row.save()
    _record(actor, organization, Event.VERIFICATION_SETTINGS_PROPOSED, {"proposed": new})
    return row


def _forget_proposal(row: VerificationSettings) -> None:
    row.proposed, row.proposed_by, row.proposed_at = {}, None, None
    row.save()


def _record(actor: Actor, organization: Organization, event: Event, data: Mapping[str, object]) -> None:
    append_entry(
        kind=event.value,
        organization_id=organization.id,
        actor=actor.entry(),
        subject={"kind": "organization", "id": organization.id.hex, "label": organization.name},
        subject_id=organization.id,
        data=data,
    )


def _problems(effect: str | None, threshold: int | None) -> list[Problem]:
    problems = []
    if effect is not None and effect not in VerificationSettings.Effect.values:
        choices = ", ".join(VerificationSettings.Effect.values)
        problems.append(Problem("anomaly_effect", "invalid", _("Choose one of %(choices)s.") % {"choices": choices}))
    if threshold is not None and not 1 <= threshold <= 100:  # noqa: PLR2004 - percent
        problems.append(Problem("anomaly_threshold", "invalid", _("Choose a whole number from 1 to 100.")))
    return problems
