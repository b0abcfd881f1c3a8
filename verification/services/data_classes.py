"""The organization's classes of data, which policies go by."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.services.organizations import lock_organization
from agents.services.runtime import raise_epoch_of_organization
from aim.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.models import DataClass, PolicyVersion
from verification.policies.book import raise_generation
from verification.policies.reading import Reader
from verification.policies.terms import data_class_problems, pattern_problems

MOST_CLASSES = 200
LONGEST_DESCRIPTION = 4000


class DataClassNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        message = _("Data class name already exists. Use a different name.")
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


@transaction.atomic
def create_data_class(actor: Actor, *, name: str, patterns: Sequence[str], description: str = "") -> DataClass:
    actor.require(Permission.POLICIES_WRITE)
    _check(name, patterns, description)
    organization = lock_organization(actor.scope)
    if DataClass.objects.filter(organization=organization).count() >= MOST_CLASSES:
        sentence = ngettext(
            "An organization has at most %(most)s data class.",
            "An organization has at most %(most)s data classes.",
            MOST_CLASSES,
        )
        raise ConflictError(sentence % {"most": MOST_CLASSES})
    row = DataClass(organization=organization, name=name, patterns=list(patterns), description=description)
    _save(row)
    _take_effect(actor, Event.DATA_CLASS_CREATED, row, {"patterns": list(patterns), "description": description})
    return row


@transaction.atomic
def update_data_class(actor: Actor, data_class_id: UUID, *, changes: Mapping[str, Any]) -> DataClass:
    """Change patterns or description; the name stays, for policies go by it."""
    actor.require(Permission.POLICIES_WRITE)
    row = _locked(actor, data_class_id)
    before = {"patterns": row.patterns, "description": row.description}
    after = {**before, **changes}
    _check(row.name, after["patterns"], after["description"])
    if after == before:
        return row
    _keep_from_one_person(row)
    row.patterns, row.description = list(after["patterns"]), after["description"]
    row.save()
    differing = {name: {"before": before[name], "after": after[name]} for name in before if before[name] != after[name]}
    _take_effect(actor, Event.DATA_CLASS_UPDATED, row, {"changes": differing})
    return row


@transaction.atomic
def delete_data_class(actor: Actor, data_class_id: UUID) -> None:
    """Raises `ConflictError` while a policy that is not retired goes by it."""
    actor.require(Permission.POLICIES_WRITE)
    row = _locked(actor, data_class_id)
    if names := _used_by(row, exclude=(PolicyVersion.State.RETIRED,)):
        raise ConflictError(_("Policies go by this data class: %(names)s.") % {"names": ", ".join(names)})
    _take_effect(actor, Event.DATA_CLASS_DELETED, row, {"patterns": row.patterns})
    row.delete()


def _keep_from_one_person(row: DataClass) -> None:
    """Where policies are changed by two people, nobody changes alone what an active one means."""
    if not row.organization.policy_changes_need_second_person:
        return
    others = (PolicyVersion.State.DRAFT, PolicyVersion.State.SHADOW, PolicyVersion.State.RETIRED)
    if names := _used_by(row, exclude=others):
        message = _("Active policies go by this data class: %(names)s. Make another class, and new versions.") % {
            "names": ", ".join(names)
        }
        raise ConflictError(message)


def _used_by(row: DataClass, *, exclude: Sequence[str]) -> list[str]:
    versions = PolicyVersion.objects.filter(policy__organization_id=row.organization_id).exclude(state__in=exclude)
    return sorted({version.policy.name for version in versions.select_related("policy") if _names(version, row.name)})


def _names(version: PolicyVersion, name: str) -> bool:
    document = version.document
    conditions = [one for alternative in document.get("auto_approve", ()) for one in alternative.get("data_class", ())]
    return name in document.get("match", {}).get("data_classes", ()) or name in conditions


def _check(name: str, patterns: Sequence[str], description: str) -> None:
    reader = Reader()
    for problem in data_class_problems(name):
        reader.add("name", problem)
    reader.texts(patterns, "patterns", pattern_problems)
    reader.text(description, "description", longest=LONGEST_DESCRIPTION)
    if reader.problems:
        raise InvalidInputError(tuple(reader.problems))


def _locked(actor: Actor, data_class_id: UUID) -> DataClass:
    organization = lock_organization(actor.scope)
    row = DataClass.objects.select_for_update().filter(organization=organization, id=data_class_id).first()
    if row is None:
        raise NotFoundError
    return row


def _save(row: DataClass) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise DataClassNameTakenError from None


def _take_effect(actor: Actor, event: Event, row: DataClass, data: Mapping[str, object]) -> None:
    append_entry(
        kind=event.value,
        organization_id=row.organization_id,
        actor=actor.entry(),
        subject={"kind": "data_class", "id": row.id.hex, "label": row.name},
        subject_id=row.id,
        data=data,
    )
    raise_generation(row.organization_id)
    raise_epoch_of_organization(row.organization_id)
