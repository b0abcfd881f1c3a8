"""Policies from a file: drafts that people look at and activate, and the data classes they go by; all or nothing."""

from dataclasses import dataclass

from django.db import transaction

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.errors import InvalidInputError, Problem
from verification.models import DataClass, Policy
from verification.policies.document import Document, document_value
from verification.policies.yaml_files import DataClassText, read_file
from verification.services.data_classes import create_data_class, update_data_class
from verification.services.policies import add_version, create_policy


@dataclass(frozen=True, slots=True)
class Imported:
    """`result` is created, changed or unchanged; `version` is the draft's number, or 0 for a data class."""

    kind: str
    name: str
    result: str
    version: int = 0


def import_policies(actor: Actor, text: str, *, note: str = "", dry_run: bool = False) -> list[Imported]:
    """Raises `InvalidInputError` with every problem of the file. With `dry_run` it only says what would happen."""
    actor.require(Permission.POLICIES_WRITE)
    file = read_file(text)
    with transaction.atomic():
        done = [_data_class(actor, one) for one in file.data_classes]
        done += [_policy(actor, index, one, note) for index, one in enumerate(file.policies)]
        if dry_run:
            transaction.set_rollback(True)
    return done


def _data_class(actor: Actor, wanted: DataClassText) -> Imported:
    known = DataClass.objects.filter(organization_id=actor.scope, name__iexact=wanted.name).first()
    if known is None:
        create_data_class(actor, name=wanted.name, patterns=wanted.patterns, description=wanted.description)
        return Imported("data_class", wanted.name, "created")
    if (known.patterns, known.description) == (list(wanted.patterns), wanted.description):
        return Imported("data_class", wanted.name, "unchanged")
    changes = {"patterns": list(wanted.patterns), "description": wanted.description}
    update_data_class(actor, known.id, changes=changes)
    return Imported("data_class", wanted.name, "changed")


def _policy(actor: Actor, index: int, wanted: Document, note: str) -> Imported:
    known = Policy.objects.filter(organization_id=actor.scope, name__iexact=wanted.name).first()
    value = document_value(wanted)
    try:
        if known is None:
            return Imported("policy", wanted.name, "created", create_policy(actor, value, note=note).number)
        before = known.versions.order_by("-number").values_list("number", flat=True).first()
        version = add_version(actor, known.id, value, note=note)
    except InvalidInputError as error:
        problems = [
            Problem(f"policies[{index}].{problem.field}", problem.code, problem.message) for problem in error.problems
        ]
        raise InvalidInputError(tuple(problems)) from None
    return Imported("policy", wanted.name, "unchanged" if version.number == before else "changed", version.number)
