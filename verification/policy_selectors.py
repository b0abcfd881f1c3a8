"""All reads of policies and data classes. Each takes the actor first and sees the actor's organization only."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.contracts import Actor, ActorKind
from accounts.models import Membership, Team
from agents.models import Agent, AgentStatus
from aim.errors import InvalidInputError, NotFoundError
from aim.ids import IdKind, show_id
from aim.ledger.models import Entry
from verification.models import DataClass, Policy, PolicyVersion
from verification.policies.book import book_row
from verification.policies.cases import TestResult, run_tests, test_problems
from verification.policies.compiled import compile_policy, facts_from
from verification.policies.conditions.registry import Facts
from verification.policies.document import Document, document_value, read_document
from verification.policies.linting import Finding, LintedPolicy, Surroundings, lint_policy
from verification.policies.replay import Replay, replay
from verification.policies.sentences import sentences_of
from verification.policies.yaml_files import DataClassText, PolicyFile, write_file, write_yaml

LIVE = (PolicyVersion.State.ACTIVE.value, PolicyVersion.State.SHADOW.value)


def policies_visible_to(actor: Actor) -> QuerySet[Policy]:
    """The one place that scopes policies. Agents see none: what is asked of them is no help to them."""
    if actor.kind is ActorKind.AGENT:
        return Policy.objects.none()
    return Policy.objects.filter(organization_id=actor.scope).select_related("proposed_by").prefetch_related("versions")


def policy_by_id(actor: Actor, policy_id: UUID) -> Policy:
    """Raises the same `NotFoundError` for an unknown policy and for another organization's."""
    policy = policies_visible_to(actor).filter(id=policy_id).first()
    if policy is None:
        raise NotFoundError
    return policy


def version_of(policy: Policy, number: int) -> PolicyVersion:
    version = PolicyVersion.objects.filter(policy=policy, number=number).first()
    if version is None:
        raise NotFoundError
    return version


def latest_version(policy: Policy) -> PolicyVersion:
    return max(policy.versions.all(), key=lambda version: version.number)


def version_in_state(policy: Policy, state: str) -> PolicyVersion | None:
    return next((version for version in policy.versions.all() if version.state == state), None)


def state_of(policy: Policy) -> str:
    """The state of the policy as a whole: the strongest of its versions."""
    states = {version.state for version in policy.versions.all()}
    return next((state for state in ("active", "shadow", "draft") if state in states), "retired")


def history_of_policy(policy: Policy) -> QuerySet[Entry]:
    """Every change of the policy, newest first: who, when, what."""
    decided = Q(kind="verification.decided")
    return Entry.objects.filter(~decided, subject_id=policy.id, organization_id=policy.organization_id)


def data_classes_visible_to(actor: Actor) -> QuerySet[DataClass]:
    if actor.kind is ActorKind.AGENT:
        return DataClass.objects.none()
    return DataClass.objects.filter(organization_id=actor.scope)


def data_class_by_id(actor: Actor, data_class_id: UUID) -> DataClass:
    found = data_classes_visible_to(actor).filter(id=data_class_id).first()
    if found is None:
        raise NotFoundError
    return found


def facts_of(actor: Actor) -> Facts:
    """What conditions may know of the actor's organization, whether it has policies yet or not."""
    return facts_from(book_row(actor.scope))


def surroundings_of(actor: Actor) -> Surroundings:
    """What the linter compares policies with: the organization as it is now."""
    agents = Agent.objects.filter(organization_id=actor.scope).exclude(status=AgentStatus.REVOKED)
    roles = Membership.objects.filter(organization_id=actor.scope, user__is_active=True).values_list("user_id", "role")
    teams = Team.objects.filter(organization_id=actor.scope).prefetch_related("members")
    others = PolicyVersion.objects.filter(policy__organization_id=actor.scope, state=PolicyVersion.State.ACTIVE)
    return Surroundings(
        agents=tuple(
            (agent.public_id, agent.name, frozenset(agent.tags), tuple(agent.capabilities))
            for agent in agents.only("id", "name", "tags", "capabilities")
        ),
        data_classes={one.name: tuple(one.patterns) for one in data_classes_visible_to(actor)},
        roles={show_id(IdKind.USER, user): role for user, role in roles},
        teams={
            team.public_id: frozenset(show_id(IdKind.USER, member.user_id) for member in team.members.all())
            for team in teams
        },
        live=tuple(
            LintedPolicy(version.policy.public_id, version.policy.name, read_document(version.document))
            for version in others.select_related("policy")
            if is_understood(version.document)
        ),
    )


def is_understood(document: Any) -> bool:
    """Whether a stored document still compiles."""
    return not compile_policy(document, Facts(), ids=("", "", 0), shadow=False).broken


def findings_of(version: PolicyVersion, surroundings: Surroundings) -> list[Finding]:
    compiled = compile_policy(version.document, Facts(), ids=(str(version.id), "", version.number), shadow=False)
    if compiled.broken:
        return [Finding("broken", "", _("%(broken)s It denies what it could match.") % {"broken": compiled.broken})]
    return lint_policy(read_document(version.document), surroundings, policy_id=version.policy.public_id)


def version_by_id(policy: Policy, version_id: UUID) -> PolicyVersion:
    version = PolicyVersion.objects.filter(policy=policy, id=version_id).first()
    if version is None:
        raise NotFoundError
    return version


def lint_all(actor: Actor) -> list[dict[str, Any]]:
    """The linter's findings of every policy that is not retired: of its live versions, and of its newest."""
    surroundings = surroundings_of(actor)
    found = []
    for policy in policies_visible_to(actor).order_by("id"):
        newest = latest_version(policy)
        for version in sorted(policy.versions.all(), key=lambda version: version.number):
            if version.state in LIVE or (version.id == newest.id and version.state == PolicyVersion.State.DRAFT):
                found += [
                    {
                        "policy_id": policy.public_id,
                        "policy": policy.name,
                        "version": version.number,
                        "code": finding.code,
                        "field": finding.field,
                        "message": finding.message,
                    }
                    for finding in findings_of(version, surroundings)
                ]
    return found


def check_document(actor: Actor, value: Any) -> dict[str, Any]:
    """A document that nobody has saved, in every form; raises `InvalidInputError` naming every problem."""
    document = read_document(value)
    if problems := test_problems(document):
        raise InvalidInputError(tuple(problems))
    return _described(document) | {
        "findings": lint_policy(document, surroundings_of(actor)),
        "tests": run_tests(document, facts_of(actor)),
    }


def _described(document: Document) -> dict[str, Any]:
    value = document_value(document)
    return {"document": value, "yaml": write_yaml(value), "sentences": sentences_of(document)}


def describe_version(actor: Actor, version: PolicyVersion) -> dict[str, Any]:
    """A version with everything there is to show of it."""
    before = PolicyVersion.objects.filter(policy=version.policy, number=version.number - 1).first()
    described: dict[str, Any] = {
        name: getattr(version, name)
        for name in ("id", "number", "state", "note", "author_label", "created_at", "state_changed_at")
    }
    described |= {
        "document": version.document,
        "yaml": write_yaml(version.document),
        "sentences": [],
        "findings": findings_of(version, surroundings_of(actor)),
        "tests": test_version(actor, version),
        "changes": diff_of(before, version),
    }
    return described | (_described(document_of(version)) if is_understood(version.document) else {})


def test_version(actor: Actor, version: PolicyVersion) -> list[TestResult]:
    """The tests inside a version; none of one that is not understood."""
    if not is_understood(version.document):
        return []
    return run_tests(document_of(version), facts_of(actor))


def document_of(version: PolicyVersion) -> Document:
    return read_document(version.document)


def export_policies(actor: Actor) -> str:
    """All policies that are not retired, in their newest version, with the data classes, as YAML."""
    policies = [policy for policy in policies_visible_to(actor).order_by("id") if state_of(policy) != "retired"]
    classes = data_classes_visible_to(actor).order_by("name")
    return write_file(
        PolicyFile(
            tuple(document_of(latest_version(policy)) for policy in policies),
            tuple(DataClassText(one.name, tuple(one.patterns), one.description) for one in classes),
        )
    )


def diff_of(before: PolicyVersion | None, after: PolicyVersion) -> list[dict[str, Any]]:
    """What differs between two versions, by path."""
    return document_diff(before.document if before else {}, after.document)


def document_diff(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [
            change
            for name in names
            for change in document_diff(before.get(name), after.get(name), f"{path}.{name}" if path else name)
        ]
    if json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True):
        return []
    return [{"path": path, "before": before, "after": after}]


def dry_run_of(policy: Policy, version: PolicyVersion | None, *, since: datetime, until: datetime) -> Replay:
    """The recorded traffic with this version in force instead of what is; None stands for the policy retired."""
    today = book_row(policy.organization_id)
    today["policies"] = [entry for entry in today["policies"] if entry["state"] == "active"]
    others = [entry for entry in today["policies"] if UUID(entry["policy"]) != policy.id]
    candidate = dict(today)
    candidate["policies"] = others if version is None else [*others, _book_entry(version)]
    return replay(policy.organization_id, since=since, until=until, today=today, candidate=candidate)


def _book_entry(version: PolicyVersion) -> dict[str, Any]:
    return {
        "id": str(version.id),
        "policy": str(version.policy_id),
        "number": version.number,
        "state": "active",
        "document": version.document,
    }
