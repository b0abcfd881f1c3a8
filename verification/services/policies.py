"""Changes of policies: every version is kept, every change of state is an entry, and in force for the next decision."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop, ngettext

from accounts.contracts import Actor, ActorKind
from accounts.models import Organization
from accounts.permissions import Permission
from accounts.selectors import unknown_people_and_teams
from accounts.services.organizations import lock_organization
from agents.models import Agent
from agents.services.runtime import raise_epoch_of_organization
from aim import clock
from aim.canonical import NotCanonicalError, canonical_json
from aim.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from aim.ids import IdKind, parse_id
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.models import DataClass, Policy, PolicyVersion
from verification.policies.book import open_book
from verification.policies.cases import run_tests, test_problems
from verification.policies.document import Document, document_value, read_document
from verification.policy_selectors import diff_of, document_of, facts_of, version_of

MOST_POLICIES = 500
State = PolicyVersion.State
# What a version may be that cannot become a shadow, for whoever translates the refusal.
_STATES = (gettext_noop("shadow"), gettext_noop("active"), gettext_noop("retired"))


class PolicyNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        message = gettext("Policy name already exists. Use a different name.")
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


class SecondPersonNeededError(ConflictError):
    code = "second_person_needed"

    def __init__(self) -> None:
        super().__init__(gettext("Another person than the one who proposed the change must confirm it."))


@transaction.atomic
def create_policy(actor: Actor, value: Any, *, note: str = "") -> PolicyVersion:
    """A new policy with its first version, a draft. Raises `InvalidInputError` naming every problem."""
    actor.require(Permission.POLICIES_WRITE)
    document = _checked(actor, value)
    organization = lock_organization(actor.scope)
    if Policy.objects.filter(organization=organization).count() >= MOST_POLICIES:
        raise ConflictError(
            ngettext(
                "An organization has at most %(most)s policy.",
                "An organization has at most %(most)s policies.",
                MOST_POLICIES,
            )
            % {"most": MOST_POLICIES}
        )
    policy = Policy(organization=organization, name=document.name)
    _save(policy)
    version = _new_version(actor, policy, document, note)
    data = {"version": 1, "document": version.document, "note": note}
    _record(actor, Event.POLICY_CREATED, policy, data)
    return version


@transaction.atomic
def add_version(actor: Actor, policy_id: UUID, value: Any, *, note: str = "") -> PolicyVersion:
    """The next version, a draft; the one in force stays. Nothing is made where nothing differs from the newest."""
    actor.require(Permission.POLICIES_WRITE)
    policy, _ = _locked(actor, policy_id)
    document = _checked(actor, value)
    newest = policy.versions.order_by("-number").first()
    if newest is not None and newest.document == document_value(document):
        return newest
    if policy.name != document.name:
        policy.name = document.name
        _save(policy)
    version = _new_version(actor, policy, document, note)
    data = {"version": version.number, "changes": diff_of(newest, version), "note": note}
    _record(actor, Event.POLICY_VERSION_CREATED, policy, data)
    return version


@transaction.atomic
def shadow_version(actor: Actor, policy_id: UUID, *, number: int) -> Policy:
    """Evaluate a draft beside the live policies from the next decision on; it decides nothing."""
    actor.require(Permission.POLICIES_ACTIVATE)
    policy, _ = _locked(actor, policy_id)
    version = version_of(policy, number)
    if version.state != State.DRAFT:
        raise ConflictError(
            gettext("Version %(number)s is %(state)s: only a draft can become a shadow.")
            % {"number": number, "state": gettext(version.state)}
        )
    _move(policy.versions.filter(state=State.SHADOW), State.RETIRED)
    _move(policy.versions.filter(id=version.id), State.SHADOW)
    _take_effect(actor, Event.POLICY_SHADOWED, policy, {"version": number, "version_id": version.id.hex})
    return policy


@transaction.atomic
def activate_version(actor: Actor, policy_id: UUID, *, number: int) -> Policy:
    """Put a version in force, or propose to, where the organization wants two people. Its tests must pass."""
    actor.require(Permission.POLICIES_ACTIVATE)
    policy, organization = _locked(actor, policy_id)
    _require_ready(actor, version_of(policy, number))
    if organization.policy_changes_need_second_person:
        return _propose(actor, policy, Policy.Change.ACTIVATE, number)
    return _activate(actor, policy, number)


@transaction.atomic
def retire_policy(actor: Actor, policy_id: UUID) -> Policy:
    """End what is in force of a policy, shadow included. It waits for a second person as an activation does."""
    actor.require(Permission.POLICIES_ACTIVATE)
    policy, organization = _locked(actor, policy_id)
    active = policy.versions.filter(state=State.ACTIVE).first()
    if active is not None and organization.policy_changes_need_second_person:
        return _propose(actor, policy, Policy.Change.RETIRE, active.number)
    return _retire(actor, policy)


@transaction.atomic
def confirm_change(actor: Actor, policy_id: UUID, *, number: int, accept: bool, note: str = "") -> Policy:
    """A second person's answer to what was proposed for the version of this number. The proposer may only withdraw."""
    actor.require(Permission.POLICIES_ACTIVATE)
    policy, _ = _locked(actor, policy_id)
    if not policy.proposed_change or policy.proposed_version != number:
        raise ConflictError(gettext("Nothing is proposed for version %(number)s of this policy.") % {"number": number})
    change, proposer = policy.proposed_change, policy.proposed_by_id
    if accept and (proposer is None or actor.kind is not ActorKind.PERSON or proposer == actor.id):
        raise SecondPersonNeededError
    _forget_proposal(policy)
    if not accept:
        data = {"change": change, "version": number, "note": note}
        _record(actor, Event.POLICY_CHANGE_DECLINED, policy, data)
        return policy
    proposed_by = {"proposed_by": proposer.hex if proposer else None, "note": note}
    if change == Policy.Change.RETIRE:
        return _retire(actor, policy, proposed_by)
    _require_ready(actor, version_of(policy, number))
    return _activate(actor, policy, number, proposed_by)


@transaction.atomic
def delete_policy(actor: Actor, policy_id: UUID) -> None:
    """Only a policy that never was more than a draft: decisions may refer to every other."""
    actor.require(Permission.POLICIES_WRITE)
    policy, _ = _locked(actor, policy_id)
    if policy.versions.exclude(state=State.DRAFT).exists():
        raise ConflictError(gettext("This policy was in use and stays on record. Retire it instead."))
    _record(actor, Event.POLICY_DELETED, policy, {"name": policy.name})
    policy.delete()


def _activate(actor: Actor, policy: Policy, number: int, data: Mapping[str, object] | None = None) -> Policy:
    version = version_of(policy, number)
    replaced = policy.versions.filter(state=State.ACTIVE).exclude(id=version.id)
    before = replaced.first()
    _move(replaced, State.RETIRED)
    _move(policy.versions.filter(id=version.id), State.ACTIVE)
    _forget_proposal(policy)
    entry = {"version": number, "version_id": version.id.hex, "replaces": before.number if before else None}
    _take_effect(actor, Event.POLICY_ACTIVATED, policy, entry | dict(data or {}))
    return policy


def _retire(actor: Actor, policy: Policy, data: Mapping[str, object] | None = None) -> Policy:
    live = policy.versions.filter(state__in=(State.ACTIVE, State.SHADOW))
    numbers = sorted(live.values_list("number", flat=True))
    if not numbers:
        raise ConflictError(gettext("Nothing of this policy is in force."))
    _move(live, State.RETIRED)
    _forget_proposal(policy)
    _take_effect(actor, Event.POLICY_RETIRED, policy, {"versions": numbers, **(data or {})})
    return policy


def _propose(actor: Actor, policy: Policy, change: Policy.Change, number: int) -> Policy:
    if actor.kind is not ActorKind.PERSON:
        raise SecondPersonNeededError
    policy.proposed_change, policy.proposed_version = change.value, number
    policy.proposed_by_id, policy.proposed_at = actor.id, clock.now()
    policy.save()
    _record(actor, Event.POLICY_CHANGE_PROPOSED, policy, {"change": change.value, "version": number})
    return policy


def _forget_proposal(policy: Policy) -> None:
    policy.proposed_change, policy.proposed_version, policy.proposed_by, policy.proposed_at = "", None, None, None
    policy.save()


def _require_ready(actor: Actor, version: PolicyVersion) -> None:
    """A version may be put in force: it is not already, it is understood, and its own tests pass."""
    if version.state == State.ACTIVE:
        raise ConflictError(gettext("Version %(number)s is active already.") % {"number": version.number})
    try:
        document = document_of(version)
    except InvalidInputError as error:
        raise ConflictError(gettext("This version cannot be understood."), problems=error.problems) from None
    problems = [*_unknown_classes(actor, document), *_unknown_approvers(actor, document)]
    failed = [result for result in run_tests(document, facts_of(actor)) if not result.passed]
    problems += [
        Problem(
            "tests",
            "test_failed",
            gettext("%(name)s: expected %(expect)s, got %(got)s")
            % {"name": result.name, "expect": result.expect, "got": result.got},
        )
        for result in failed
    ]
    if problems:
        raise ConflictError(gettext("This version is not ready to be put in force."), problems=tuple(problems))


def _checked(actor: Actor, value: Any) -> Document:
    document = read_document(value)
    problems = [
        *test_problems(document),
        *_unknown_classes(actor, document),
        *_unknown_approvers(actor, document),
    ]
    try:
        canonical_json(document_value(document))
    except NotCanonicalError as error:
        problems.append(Problem("", "invalid", str(error)))
    if problems:
        raise InvalidInputError(tuple(problems))
    return document


def _unknown_classes(actor: Actor, document: Document) -> list[Problem]:
    known = set(DataClass.objects.filter(organization_id=actor.scope).values_list("name", flat=True))
    named = [("match.data_classes", name) for name in document.match.data_classes]
    for index, alternative in enumerate(document.auto_approve):
        named += [(f"auto_approve[{index}].data_class", name) for name in alternative.get("data_class", ())]
    return [
        Problem(path, "unknown", gettext("Unknown data class: %(name)s") % {"name": name})
        for path, name in named
        if name not in known
    ]


def _unknown_approvers(actor: Actor, document: Document) -> list[Problem]:
    """Approvers must be the organization's own: another organization's are as unknown as those nobody has."""
    approval = document.approval
    users, problems = _ids(IdKind.USER, "approval.users", approval.users)
    teams, of_teams = _ids(IdKind.TEAM, "approval.teams", approval.teams)
    agents, of_agents = _ids(IdKind.AGENT, "approval.agents", approval.agents)
    no_users, no_teams = unknown_people_and_teams(actor, users=set(users), teams=set(teams))
    known_agents = set(_agents_of(actor, set(agents)))
    for paths, missing in ((users, no_users), (teams, no_teams), (agents, set(agents) - known_agents)):
        problems += [
            Problem(path, "unknown", gettext("Not known in this organization."))
            for path in map(paths.get, missing)
            if path
        ]
    return [*problems, *of_teams, *of_agents]


def _agents_of(actor: Actor, ids: set[UUID]) -> QuerySet[Any, UUID]:
    return Agent.objects.filter(organization_id=actor.scope, id__in=ids).values_list("id", flat=True)


def _ids(kind: IdKind, path: str, texts: tuple[str, ...]) -> tuple[dict[UUID, str], list[Problem]]:
    found: dict[UUID, str] = {}
    problems = []
    for index, text in enumerate(texts):
        try:
            found[parse_id(kind, text)] = f"{path}[{index}]"
        except ValueError:
            message = gettext("Not an id of the form %(kind)s_…") % {"kind": kind}
            problems.append(Problem(f"{path}[{index}]", "invalid", message))
    return found, problems


def _locked(actor: Actor, policy_id: UUID) -> tuple[Policy, Organization]:
    organization = lock_organization(actor.scope)
    policy = Policy.objects.select_for_update().filter(organization=organization, id=policy_id).first()
    if policy is None:
        raise NotFoundError
    return policy, organization


def _save(policy: Policy) -> None:
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError:
        raise PolicyNameTakenError from None


def _new_version(actor: Actor, policy: Policy, document: Document, note: str) -> PolicyVersion:
    newest = policy.versions.order_by("-number").first()
    return PolicyVersion.objects.create(
        policy=policy,
        number=newest.number + 1 if newest else 1,
        document=document_value(document),
        note=note,
        author_id=actor.id if actor.kind is ActorKind.PERSON else None,
        author_label=actor.label,
    )


def _move(versions: QuerySet[PolicyVersion], state: State) -> None:
    versions.update(state=state, state_changed_at=clock.now())


def _take_effect(actor: Actor, event: Event, policy: Policy, data: Mapping[str, object]) -> None:
    """The record, then the epochs: every decision that is committed later was made by what is true now."""
    _record(actor, event, policy, data)
    open_book(policy.organization_id)
    raise_epoch_of_organization(policy.organization_id)


def _record(actor: Actor, event: Event, policy: Policy, data: Mapping[str, object]) -> None:
    append_entry(
        kind=event.value,
        organization_id=policy.organization_id,
        actor=actor.entry(),
        subject={"kind": "policy", "id": policy.id.hex, "label": policy.name},
        subject_id=policy.id,
        data=data,
    )
