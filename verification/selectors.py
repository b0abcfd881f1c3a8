"""All reads of decisions. Each takes the actor first: people see their organization's, an agent its own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from accounts.contracts import Actor, ActorKind
from agents.models import Agent
from aim import lookups as _lookups  # noqa: F401 - registers `any_of`
from aim.errors import NotFoundError
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from verification.models import BehaviourProfile, Completion, Containment, Verification, VerificationSettings


class _Check(msgspec.Struct):
    name: str
    result: str


class _Checks(msgspec.Struct):
    checks: list[_Check]


class _Record(msgspec.Struct):
    data: _Checks


_checks = msgspec.json.Decoder(_Record).decode


def verifications_visible_to(actor: Actor) -> QuerySet[Verification]:
    """The one place that scopes decisions."""
    if actor.organization_id is None or actor.id is None:
        return Verification.objects.none()
    rows = Verification.objects.filter(organization_id=actor.organization_id)
    match actor.kind:
        case ActorKind.PERSON:
            return rows
        case ActorKind.AGENT:
            return rows.filter(agent_id=actor.id)
        case _:
            return Verification.objects.none()


def verification_by_id(actor: Actor, verification_id: UUID) -> Verification:
    """Raises the same `NotFoundError` for an unknown decision and for another organization's."""
    verification = verifications_visible_to(actor).filter(id=verification_id).first()
    if verification is None:
        raise NotFoundError
    return verification


def own_verification(actor: Actor, verification_id: UUID) -> Verification:
    """A decision about the agent that asks, and nobody else's."""
    if actor.kind is not ActorKind.AGENT:
        raise NotFoundError
    return verification_by_id(actor, verification_id)


def entry_of(verification: Verification) -> Entry:
    return Entry.objects.get(id=verification.id)


def record_of(verification: Verification) -> dict[str, Any]:
    """The full record of a decision: its ledger entry, with the clear values that are not erased."""
    return read_entry(entry_of(verification))


def checks_of_many(ids: Sequence[UUID]) -> dict[UUID, tuple[tuple[str, str], ...]]:
    """Name and result of every check of a page of decisions, in one query."""
    entries = Entry.objects.filter(id__any_of=list(ids)).order_by().values_list("id", "body")
    return {
        entry_id: tuple((check.name, check.result) for check in _checks(body).data.checks) for entry_id, body in entries
    }


def claimed_bytes(verification: Verification) -> int:
    """How many bytes the agent said it would move when it asked."""
    claims = record_of(verification)["data"]["claims"]
    return 0 if claims is None else int(claims["bytes"])


def completion_of(verification_id: UUID) -> Completion | None:
    return Completion.objects.filter(verification_id=verification_id).first()


def completions_of(verifications: list[Verification]) -> dict[UUID, Completion]:
    """The completions of a page of decisions, in one query."""
    found = Completion.objects.filter(verification_id__in=[row.id for row in verifications])
    return {completion.verification_id: completion for completion in found}


def containments_visible_to(actor: Actor) -> QuerySet[Containment]:
    if actor.kind is not ActorKind.PERSON or actor.organization_id is None:
        return Containment.objects.none()
    return Containment.objects.filter(organization_id=actor.organization_id).order_by("-id")


def containment_by_id(actor: Actor, containment_id: UUID) -> Containment:
    containment = containments_visible_to(actor).filter(id=containment_id).first()
    if containment is None:
        raise NotFoundError
    return containment


def verification_settings_of(actor: Actor) -> VerificationSettings:
    """Those of the actor's organization; the defaults, not yet stored, where nobody has changed them."""
    rows = VerificationSettings.objects.select_related("proposed_by")
    row = rows.filter(organization_id=actor.scope).first()
    return row or VerificationSettings(organization_id=actor.scope)


def behaviour_of(agent: Agent) -> BehaviourProfile | None:
    """What is usual for the agent; the caller has made sure that the actor may see it."""
    return BehaviourProfile.objects.filter(agent_id=agent.id, organization_id=agent.organization_id).first()
