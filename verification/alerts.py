"""What people are told of decisions: that one waits for them, how it ended, that agents wait in a circle."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext, gettext_noop, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, Channel, each, register_alert, subject
from accounts.models import Role
from accounts.permissions import Permission
from agents.models import Agent
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from verification.approvals.eligibility import refusal_of
from verification.approvals.models import Approval
from verification.approvals.requirements import read_requirements
from verification.approvals.selectors import database_now
from verification.approvals.voters import asker_of, everybody_who_may_decide
from verification.models import Verification

Body = Mapping[str, Any]

_ENDINGS = {
    Event.APPROVAL_APPROVED: gettext_noop("%(action)s of %(agent)s was approved"),
    Event.APPROVAL_DENIED: gettext_noop("%(action)s of %(agent)s was denied"),
    Event.APPROVAL_EXPIRED: gettext_noop("%(action)s of %(agent)s was denied, for nobody answered in time"),
}
_ENDED = frozenset({*_ENDINGS, Event.APPROVAL_WITHDRAWN, Event.APPROVAL_REVOKED})


def _inbox(_entry: Body) -> str:
    return "/dashboard/approvals"


def _voters(entries: Sequence[Body]) -> list[Collection[UUID]]:
    """The people who could agree to each of them now; nobody once it is settled.

    An agent may ask for much in a second, and nearly always the same people may agree to it.
    """
    ids = [UUID(hex=entry["subject"]["id"]) for entry in entries]
    waiting = Approval.objects.filter(status=Approval.Status.PENDING).in_bulk(ids)
    agents = Agent.objects.in_bulk({row.agent_id for row in waiting.values()})
    verifications = Verification.objects.in_bulk(list(waiting))
    everybody = {held: everybody_who_may_decide(held) for held in {row.organization_id for row in waiting.values()}}
    known: dict[tuple[str, UUID, str], list[UUID]] = {}

    def voters(row: Approval, agent: Agent, verification: Verification) -> list[UUID]:
        requirements = read_requirements(row.requirements)
        asker = asker_of(agent, verification, requirements)
        people = everybody[row.organization_id]
        return [voter.id for voter in people if refusal_of(requirements, voter, asker) is None]

    def of(id_: UUID) -> Collection[UUID]:
        row, verification = waiting.get(id_), verifications.get(id_)
        agent = agents.get(row.agent_id) if row is not None else None
        if row is None or agent is None or verification is None:
            return ()
        key = repr(row.requirements), agent.id, verification.user_id
        if key not in known:
            known[key] = voters(row, agent, verification)
        return known[key]

    return [of(id_) for id_ in ids]


def _nothing_left(entry: Body) -> str | None:
    """The agent, once none of its requests waits any more."""
    agent: str = entry["data"]["agent"]["id"]
    waiting = Approval.objects.filter(
        agent_id=UUID(hex=agent), status=Approval.Status.PENDING, expires_at__gt=database_now()
    )
    return None if waiting.exists() else agent


def _owner(entry: Body) -> Collection[UUID]:
    owner = Agent.objects.filter(id=UUID(hex=entry["data"]["agent"]["id"])).values_list("owner_id", flat=True).first()
    return () if owner is None else (owner,)


def _decided(entry: Body) -> str:
    agent, action = entry["data"]["agent"].get("label"), entry["data"].get("action_type")
    return gettext(_ENDINGS[entry["kind"]]) % {"action": action, "agent": agent}


def _circle(entry: Body) -> str:
    number = len(entry["data"].get("agents", ()))
    words = ngettext(
        "%(title)s: %(number)d agents wait for each other", "%(title)s: %(number)d agents wait for each other", number
    )
    return words % {"title": entry["data"].get("title"), "number": number}


register_alert(
    AlertKind(
        "approval_requested",
        _("An action waits for your approval"),
        frozenset({Event.VERIFICATION_DECIDED}),
        lambda entry: (
            gettext("%(agent)s asks for approval: %(action)s")
            % {"agent": entry["actor"].get("label"), "action": entry["data"]["action"].get("action_type")}
        ),
        permission=Permission.APPROVALS_DECIDE,
        matches=lambda entry: bool(entry["data"]["decision"]["status"] == Verification.Status.PENDING),
        path=_inbox,
        people=_voters,
        icon="clock-check",
        tone="pending",
        topic=lambda entry: str(entry["actor"]["id"]),
        settled_by=_ENDED,
        settled=_nothing_left,
    )
)
register_alert(
    AlertKind(
        "approval_decided",
        _("An action of an agent of yours was approved or denied"),
        frozenset(_ENDINGS),
        _decided,
        permission=Permission.APPROVALS_READ,
        path=lambda entry: f"/dashboard/verifications/{show_id(IdKind.VERIFICATION, UUID(hex=entry['subject']['id']))}",
        people=each(_owner),
        icon="gavel",
    )
)
register_alert(
    AlertKind(
        "deadlock_detected",
        _("Agents wait for each other's approval"),
        frozenset({Event.DEADLOCK_DETECTED}),
        _circle,
        permission=Permission.APPROVALS_READ,
        path=_inbox,
        icon="refresh-cw-off",
        tone="critical",
        settled_by=frozenset({Event.DEADLOCK_RESOLVED, Event.DEADLOCK_DISSOLVED}),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "policy_change_proposed",
        _("A change of a policy waits for a second person"),
        frozenset({Event.POLICY_CHANGE_PROPOSED}),
        lambda entry: (
            gettext("A change of the policy %(name)s waits for a second person")
            % {"name": entry["subject"].get("label")}
        ),
        permission=Permission.POLICIES_READ,
        icon="file-check",
        tone="pending",
        settled_by=frozenset({Event.POLICY_CHANGE_DECLINED, Event.POLICY_ACTIVATED, Event.POLICY_RETIRED}),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "target_contained",
        _("Something was blocked or put in quarantine"),
        frozenset({Event.CONTAINMENT_PLACED}),
        lambda entry: (
            gettext("%(name)s was shut off: %(reason)s")
            % {"name": entry["subject"].get("label"), "reason": entry["data"].get("reason")}
        ),
        (Role.ADMIN, Role.MANAGER),
        permission=Permission.CONTAINMENTS_READ,
        icon="shield-off",
        tone="denied",
    )
)
register_alert(
    AlertKind(
        "verification_settings_proposed",
        _("A change of the verification defaults waits for a second person"),
        frozenset({Event.VERIFICATION_SETTINGS_PROPOSED}),
        lambda _entry: gettext("A change of the verification defaults waits for a second person"),
        path=lambda _entry: "/dashboard/settings/verification",
    )
)
CHECKPOINT_DIGEST = AlertKind(
    "checkpoint_digest",
    _("Once a day: the newest checkpoint of the ledger, to keep elsewhere"),
    frozenset(),
    lambda _entry: "",
    (),
    permission=Permission.LEDGER_PROVE,
    channels=frozenset({Channel.MAIL}),
)
"""Sent by `verification.services.checkpoint_digest` and not for an entry."""
register_alert(CHECKPOINT_DIGEST)
