"""Organizations: made by operators, described by their admins, disabled by operators."""

from collections.abc import Mapping, Sequence
from uuid import UUID
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.alerts import preferences_with
from accounts.contracts import Actor
from accounts.dependents import tell_dependents
from accounts.errors import NameTakenError
from accounts.ledger_entries import record
from accounts.models import Organization
from accounts.permissions import Permission
from accounts.services.organization_security import SECURITY_FIELDS, Security, check_security
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event


@transaction.atomic
def create_organization(actor: Actor, name: str) -> Organization:
    """For operators. Raises `NameTakenError`."""
    actor.require(Permission.ORGANIZATION_WRITE)
    organization = Organization(name=name)
    _save(organization)
    record(
        actor,
        Event.ORGANIZATION_CREATED,
        organization_id=organization.id,
        subject=organization,
        data={"name": name, "timezone": organization.timezone},
    )
    return organization


@transaction.atomic
def update_organization(
    actor: Actor,
    *,
    name: str | None = None,
    timezone: str | None = None,
    policy_changes_need_second_person: bool | None = None,
    security: Security | None = None,
    alerts: Mapping[str, Sequence[str]] | None = None,
) -> Organization:
    """Change what is given of the actor's own organization; no entry where nothing differs.

    That changes of policies need a second person is switched off by two: whoever asks first only proposes it.
    `security` and `alerts` hold what is to change of them. Raises `ProofRequiredError` for changes of the former.
    """
    actor.require(Permission.ORGANIZATION_WRITE)
    organization = lock_organization(actor.scope)
    if policy_changes_need_second_person is False and _proposes_release(actor, organization):
        policy_changes_need_second_person = None
    wanted = {
        "name": name,
        "timezone": timezone,
        "policy_changes_need_second_person": policy_changes_need_second_person,
        **(security or {}),
        "alert_preferences": preferences_with(organization, alerts) if alerts else None,
    }
    before = {field: getattr(organization, field) for field in wanted}
    changes = {
        field: {"before": before[field], "after": value}
        for field, value in wanted.items()
        if value is not None and value != before[field]
    }
    if timezone is not None:
        _check_timezone(timezone)
    if changes.keys() & SECURITY_FIELDS:
        actor.require_fresh()
        check_security(actor, organization, {field: changes[field]["after"] for field in changes})
    if not changes:
        return organization
    for field, change in changes.items():
        setattr(organization, field, change["after"])
    if "policy_changes_need_second_person" in changes:
        organization.second_person_release_proposed_by_id = None
    _save(organization)
    record(
        actor,
        Event.ORGANIZATION_UPDATED,
        organization_id=organization.id,
        subject=organization,
        data={"changes": changes},
    )
    if "timezone" in changes:
        # Policies that know working hours read it.
        tell_dependents(organization.id)
    return organization


def _proposes_release(actor: Actor, organization: Organization) -> bool:
    """Whether this is only the first of the two people who must agree; if so, it is on record now."""
    if not organization.policy_changes_need_second_person:
        return False
    first = organization.second_person_release_proposed_by_id
    if first is not None and first != actor.id:
        return False
    if first is None:
        organization.second_person_release_proposed_by_id = actor.id
        organization.save(update_fields=["second_person_release_proposed_by"])
        data = {"proposed": {"policy_changes_need_second_person": False}}
        event = Event.ORGANIZATION_UPDATED
        record(actor, event, organization_id=organization.id, subject=organization, data=data)
    return True


@transaction.atomic
def set_organization_status(
    actor: Actor, organization: Organization, *, status: Organization.Status, reason: str
) -> Organization:
    """For operators: a disabled organization's people and agents are refused everywhere, at once."""
    actor.require(Permission.ORGANIZATION_WRITE)
    row = lock_organization(organization.id)
    if row.status == status:
        return row
    data = {"before": row.status, "after": status.value, "reason": reason}
    row.status = status
    row.save(update_fields=["status"])
    record(actor, Event.ORGANIZATION_STATUS_CHANGED, organization_id=row.id, subject=row, data=data)
    tell_dependents(row.id)
    return row


@transaction.atomic
def allow_passwords(actor: Actor, organization_id: UUID) -> Organization:
    """For operators, where single sign-on itself is broken: it is no longer the only way."""
    actor.require(Permission.ORGANIZATION_WRITE)
    if actor.organization_id is not None:
        raise NotFoundError
    row = lock_organization(organization_id)
    if row.sso_only:
        row.sso_only = False
        row.save(update_fields=["sso_only"])
        changes = {"sso_only": {"before": True, "after": False}}
        record(actor, Event.ORGANIZATION_UPDATED, organization_id=row.id, subject=row, data={"changes": changes})
    return row


def lock_organization(organization_id: UUID) -> Organization:
    """The row, locked before anything else of the organization, for changes of its people and of its status.

    It orders such changes among themselves, so that two admins cannot remove each other at once. An agent that is
    being registered refers to the row when it commits: it is there for the dependents, or it comes after the change.
    """
    organization = Organization.objects.select_for_update().filter(id=organization_id).first()
    if organization is None:
        raise NotFoundError
    return organization


def _save(organization: Organization) -> None:
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError:
        raise NameTakenError(_("This organization name cannot be used. Use a different name.")) from None


def _check_timezone(name: str) -> None:
    if name not in available_timezones():
        message = _('Unknown time zone; use a name of the IANA database such as "Europe/Berlin".')
        raise InvalidInputError((Problem("timezone", "unknown_timezone", message),))
