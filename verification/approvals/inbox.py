"""The inbox as people work through it: what waits, what was decided, and one request with everything around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.contracts import Actor
from accounts.models import Role, Team, User
from agents.models import Agent
from aim.ids import IdKind, InvalidIdError, parse_id
from verification.approvals.models import Approval, ApprovalVote, Deadlock
from verification.approvals.requirements import read_requirements
from verification.approvals.selectors import (
    approval_by_id,
    approvals_visible_to,
    database_now,
    deadlocks_visible_to,
    decidable_by,
    earlier_of,
    names_of,
    refusal_for,
    verifications_of,
    votes_of,
)
from verification.detail import Detail, detail_of
from verification.models import Policy, Verification
from verification.policies.results import ApprovalRequirement

SHOWN = 100
VIEWS: Mapping[str, Promise] = {
    "waiting": gettext_lazy("Waiting"),
    "mine": gettext_lazy("Mine"),
    "decided": gettext_lazy("Decided"),
    "expired": gettext_lazy("Expired"),
}
_ROLES: Mapping[str, Promise] = {
    Role.ADMIN: gettext_lazy("admins"),
    Role.MANAGER: gettext_lazy("managers"),
    Role.MEMBER: gettext_lazy("members"),
    Role.VIEWER: gettext_lazy("viewers"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One request in the list."""

    approval: Approval
    verification: Verification | None
    agent: Agent | None
    by: str

    @property
    def id(self) -> str:
        return self.approval.public_id


@dataclass(frozen=True, slots=True)
class Inbox:
    view: str
    lines: list[Line]
    decided: list[Line]
    waiting_count: int
    deadlocks: list[Deadlock]


def inbox_for(actor: Actor, view: str) -> Inbox:
    """The lines of a view, those that end soonest first; beside what waits, what was decided of late."""
    rows, now = approvals_visible_to(actor), database_now()
    waiting = rows.filter(status=Approval.Status.PENDING, expires_at__gt=now)
    chosen: QuerySet[Approval] = {
        "mine": decidable_by(actor, rows).order_by("expires_at"),
        "decided": rows.filter(status__in=_DECIDED).order_by("-settled_at"),
        "expired": rows.filter(status=Approval.Status.EXPIRED).order_by("-settled_at"),
    }.get(view, waiting.order_by("expires_at"))
    lines = _lines(list(chosen[:SHOWN]))
    latest = rows.filter(status__in=[*_DECIDED, Approval.Status.EXPIRED], settled_at__gte=now - timedelta(days=1))
    return Inbox(
        view=view if view in VIEWS else "waiting",
        lines=lines,
        decided=_lines(list(latest.order_by("-settled_at")[:12])) if view in {"waiting", "mine"} else [],
        waiting_count=waiting.count(),
        deadlocks=list(deadlocks_visible_to(actor).filter(ended_at=None)[:5]),
    )


_DECIDED = [
    Approval.Status.APPROVED,
    Approval.Status.DENIED,
    Approval.Status.WITHDRAWN,
    Approval.Status.REVOKED,
]


def _lines(approvals: Sequence[Approval]) -> list[Line]:
    listed = list(approvals)
    verifications, agents, votes = verifications_of(listed), names_of(listed), votes_of(listed)
    return [
        Line(
            approval,
            verifications.get(approval.id),
            agents.get(approval.agent_id),
            ", ".join(vote.voter_label for vote in votes.get(approval.id, [])),
        )
        for approval in listed
    ]


@dataclass(frozen=True, slots=True)
class Requested:
    """One request: `refusal` says why this person may not decide it, and is None where they may."""

    approval: Approval
    detail: Detail
    arguments: list[tuple[str, str, bool]]
    why: list[str]
    may_approve: str
    refusal: str | None
    votes: list[ApprovalVote]
    missing: int
    session: list[Verification]
    history: list[Verification]
    history_words: str

    @property
    def waits(self) -> bool:
        return self.approval.status == Approval.Status.PENDING


def requested(actor: Actor, approval_id: UUID) -> Requested:
    """Raises `NotFoundError` for an unknown request and for another organization's."""
    approval = approval_by_id(actor, approval_id)
    detail = detail_of(actor, approval.id, with_session=False)
    verification = detail.verification
    requirements = read_requirements(approval.requirements)
    votes = detail.votes if detail.approval else votes_of([approval])[approval.id]
    session, history = earlier_of(verification)
    approved = sum(row.status == Verification.Status.APPROVED for row in history)
    denied = sum(row.status == Verification.Status.DENIED for row in history)
    agreed = sum(vote.agrees for vote in votes)
    return Requested(
        approval=approval,
        detail=detail,
        arguments=_arguments(detail),
        why=_why(actor, requirements, detail),
        may_approve=_approvers(actor, requirements),
        refusal=refusal_for(actor, approval, verification),
        votes=votes,
        missing=max(0, max((one.count for one in requirements), default=1) - agreed),
        session=session,
        history=history,
        history_words=_("%(approved)d approved, %(denied)d denied") % {"approved": approved, "denied": denied},
    )


def _arguments(detail: Detail) -> list[tuple[str, str, bool]]:
    """What will run, exactly: name, value, and whether it may be what triggered the rule."""
    action = detail.action
    rows: list[tuple[str, Any]] = [
        ("action", action.get("action_type") or detail.verification.action_type),
        ("resource", action.get("resource") or detail.verification.resource),
        ("mcp_server", action.get("mcp_server")),
        ("tool", action.get("tool")),
        *((name, value) for name, value in (action.get("parameters") or {}).items()),
        *((f"data.{name}", value) for name, value in detail.claims),
    ]
    asked = " ".join(check.detail for check in detail.checks if check.outcome.value == "waiting")
    return [
        (name, value if isinstance(value, str) else str(value), name in asked and name not in {"action", "resource"})
        for name, value in rows
        if value not in (None, "")
    ]


def _why(actor: Actor, requirements: Sequence[ApprovalRequirement], detail: Detail) -> list[str]:
    reasons = []
    for one in requirements:
        if one.policy_id:
            name = _policy_name(actor, one.policy_id)
            reasons.append(_("%(name)s (policy, version %(n)d)") % {"name": name, "n": one.policy_version})
    reasons += [check.detail for check in detail.checks if check.outcome.value == "waiting" and check.detail]
    return list(dict.fromkeys(reasons)) or [_("The agent’s own list asks for approval.")]


def _policy_name(actor: Actor, shown: str) -> str:
    try:
        policy_id = parse_id(IdKind.POLICY, shown)
    except InvalidIdError:
        return shown
    found = Policy.objects.filter(id=policy_id, organization_id=actor.scope).values_list("name", flat=True).first()
    return found or shown


def _approvers(actor: Actor, requirements: Sequence[ApprovalRequirement]) -> str:
    """Who may decide, in words: each requirement must be met."""
    parts = []
    for one in requirements:
        names = [str(_ROLES.get(role, role)) for role in one.roles]
        names += _labels(User, "email", IdKind.USER, one.users)
        names += _labels(Team, "name", IdKind.TEAM, one.teams, organization_id=actor.scope)
        names += _labels(Agent, "display_name", IdKind.AGENT, one.agents, organization_id=actor.scope)
        words = ngettext("%(n)d of %(who)s", "%(n)d of %(who)s", one.count) % {"n": one.count, "who": ", ".join(names)}
        if one.exclude_owner:
            words += ", " + _("not the agent’s owner")
        parts.append(words)
    return "; ".join(parts)


def _labels(model: Any, field: str, kind: IdKind, shown: Sequence[str], **conditions: Any) -> list[str]:
    ids = []
    for text in shown:
        try:
            ids.append(parse_id(kind, text))
        except InvalidIdError:
            continue
    return list(model.objects.filter(id__in=ids, **conditions).values_list(field, flat=True)) if ids else []


def waiting_for(actor: Actor) -> int:
    """How many requests wait for this person, for the badge: one quick look where nothing waits for anybody."""
    return decidable_by(actor, approvals_visible_to(actor)).count()
