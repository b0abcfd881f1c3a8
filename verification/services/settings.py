"""What an organization wants of its agents' decisions beyond single agents."""

from django.db import transaction

from accounts.contracts import Actor
from accounts.models import Organization
from accounts.permissions import Permission
from agents.services.runtime import raise_epoch_of_organization
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.models import VerificationSettings
from verification.selectors import verification_settings_of


@transaction.atomic
def update_verification_settings(
    actor: Actor, *, anomaly_effect: str | None = None, anomaly_threshold: int | None = None
) -> VerificationSettings:
    """Change what is given; in force for every decision that is committed later. No entry where nothing differs."""
    actor.require(Permission.ORGANIZATION_WRITE)
    organization = Organization.objects.select_for_update(no_key=True).filter(id=actor.scope).first()
    if organization is None:
        raise NotFoundError
    row = verification_settings_of(actor)
    wanted = {"anomaly_effect": anomaly_effect, "anomaly_threshold": anomaly_threshold}
    changes = {
        field: {"before": getattr(row, field), "after": value}
        for field, value in wanted.items()
        if value is not None and value != getattr(row, field)
    }
    if problems := _problems(anomaly_effect, anomaly_threshold):
        raise InvalidInputError(tuple(problems))
    if not changes:
        return row
    for field, change in changes.items():
        setattr(row, field, change["after"])
    row.save()
    append_entry(
        kind=Event.VERIFICATION_SETTINGS_CHANGED.value,
        organization_id=organization.id,
        actor=actor.entry(),
        subject={"kind": "organization", "id": organization.id.hex, "label": organization.name},
        subject_id=organization.id,
        data={"changes": changes},
    )
    raise_epoch_of_organization(organization.id)
    return row


def _problems(effect: str | None, threshold: int | None) -> list[Problem]:
    problems = []
    if effect is not None and effect not in VerificationSettings.Effect.values:
        choices = ", ".join(VerificationSettings.Effect.values)
        problems.append(Problem("anomaly_effect", "invalid", f"Choose one of {choices}."))
    if threshold is not None and not 1 <= threshold <= 100:  # noqa: PLR2004 - percent
        problems.append(Problem("anomaly_threshold", "invalid", "Choose a whole number from 1 to 100."))
    return problems
