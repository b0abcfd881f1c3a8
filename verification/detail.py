"""One decision, ready to be shown: what was asked, what each check found, why, in what session, and its proof."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.contracts import Actor
from agents.catalogue import capability_of
from agents.models import Agent
from agents.selectors import agents_visible_to
from aim.console.comb import Check, outcome_of
from aim.ledger.models import Entry
from aim.ledger.proofs import NotSealedError, Proof, prove
from aim.ledger.reading import read_entry
from verification.approvals.models import Approval, ApprovalVote
from verification.approvals.selectors import approval_of, votes_of
from verification.classified import classes_of
from verification.documents import having
from verification.models import Completion, Verification
from verification.selectors import completion_of, entry_of, verification_by_id, verifications_visible_to
from verification.tags import TagGroup, tags_of
from verification.trust.impact import TrustImpact, impact_of

SESSION_SHOWN = 12
SESSION_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Detail:
    """`agent` is the registry's row of today, `then` what the agent was; None in `proof` is "not sealed yet"."""

    verification: Verification
    agent: Agent | None
    name: str
    then: Mapping[str, Any]
    checks: list[Check]
    action: Mapping[str, Any]
    parameters: str
    context: list[tuple[str, str]]
    claims: list[tuple[str, str]]
    address: str
    credential: str
    keyid: str
    correlation_id: str
    reasoning: str
    approval: Approval | None
    votes: list[ApprovalVote]
    policies: list[Mapping[str, Any]]
    session: list[Verification]
    session_count: int
    completion: Completion | None
    proof: Proof | None
    erased: list[str]
    data_classes: list[str]

    @property
    def evaluated_us(self) -> float:
        return sum(check.microseconds or 0 for check in self.checks)

    @property
    def tags(self) -> list[TagGroup]:
        return tags_of(self)

    @property
    def trust_impact(self) -> TrustImpact | None:
        return impact_of(self.verification)

    @property
    def counts(self) -> Mapping[str, int]:
        return {
            name: sum(check.outcome.value == name for check in self.checks)
            for name in ("passed", "failed", "waiting", "not_run")
        }


def detail_of(actor: Actor, verification_id: UUID, *, with_session: bool = True) -> Detail:
    """Raises `NotFoundError` for an unknown decision and for another organization's.

    Without its session, which is looked for among thousands, for those who do not show it.
    """
    verification = verification_by_id(actor, verification_id)
    entry = entry_of(verification)
    record = read_entry(entry)
    data, who = record["data"], record["actor"]
    checks = checks_of(data)
    action = data["action"] or {}
    session, session_count = _session(actor, verification) if with_session else ([], 0)
    approval = approval_of(verification.id) if data["decision"]["status"] == Verification.Status.PENDING else None
    votes = votes_of([approval])[approval.id] if approval else []
    return Detail(
        verification=verification,
        # Of its keys nothing is shown.
        agent=agents_visible_to(actor).prefetch_related(None).filter(id=verification.agent_id).first(),
        name=who.get("label") or "",
        then=data["agent"],
        checks=checks,
        action=action,
        parameters=_pretty(action.get("parameters")),
        context=_pairs(data["context"]),
        claims=_pairs(data["claims"]),
        address=who.get("address") or "",
        credential=who.get("credential") or "",
        keyid=data.get("keyid") or "",
        correlation_id=data.get("correlation_id") or "",
        reasoning=reasoning_of(verification, checks, approval, votes),
        approval=approval,
        votes=votes,
        policies=data.get("policies") or [],
        session=session,
        session_count=session_count,
        completion=completion_of(verification.id),
        proof=_proof(entry),
        erased=[*record["erased"], *record["altered"]],
        data_classes=classes_of(actor, verification),
    )


def checks_of(data: Mapping[str, Any]) -> list[Check]:
    """The checks of a record in its order. Entries of the first version hold the detail in the line."""
    lines = data["checks"]
    details = data.get("details") or [line.get("detail", "") for line in lines]
    return [
        Check(
            line["name"],
            outcome_of(line["result"]),
            detail or "",
            line["ns"] / 1000 if line.get("ns") else None,
        )
        for line, detail in zip(lines, details, strict=False)
    ]


def reasoning_of(
    verification: Verification,
    checks: list[Check],
    approval: Approval | None = None,
    votes: Sequence[ApprovalVote] = (),
) -> str:
    """The decision in two sentences, from what the record says; and what became of it, where people were asked."""
    capability = capability_of(verification.action_type)
    values = {
        "action": verification.action_type,
        "capability": capability.label if capability else _("no known capability"),
        "reason": verification.reason,
        "passed": sum(check.outcome.value == "passed" for check in checks),
        "all": len(checks),
        "failed": next((check.name for check in checks if check.outcome.value == "failed"), ""),
    }
    if approval is not None and approval.status != Approval.Status.PENDING:
        return f"{_(_ASKED) % values} {_ended(approval, votes) % {'reason': verification.reason}}"
    match verification.status:
        case "approved":
            return (
                _(
                    "The agent asked for %(action)s, which belongs to %(capability)s. All %(passed)s checks that apply"
                    " let it pass, so the action was approved."
                )
                % values
            )
        case "pending":
            return (
                _(
                    "The agent asked for %(action)s, which belongs to %(capability)s. A rule wants a person to decide,"
                    " so the action waits; without a decision it is denied."
                )
                % values
            )
    return (
        _(
            "The agent asked for %(action)s. The check %(failed)s refused it: %(reason)s."
            " The action was refused before it ran."
        )
        % values
    )


_ASKED = gettext_noop(
    "The agent asked for %(action)s, which belongs to %(capability)s. A rule wants a person to decide."
)


def _ended(approval: Approval, votes: Sequence[ApprovalVote]) -> str:
    """What became of a request: a sentence in which `reason` is still to be put."""
    agreed = ", ".join(vote.voter_label for vote in votes if vote.agrees).replace("%", "%%")
    denied = ", ".join(vote.voter_label for vote in votes if not vote.agrees).replace("%", "%%")
    match approval.status:
        case Approval.Status.APPROVED:
            return _("Approved by %(who)s.").replace("%(who)s", agreed) if agreed else _("It was approved.")
        case Approval.Status.DENIED if denied:
            return _("Denied by %(who)s; nothing was done.").replace("%(who)s", denied)
        case Approval.Status.EXPIRED:
            return _("Nobody decided in time, so the action was denied.")
    return _("The action was denied: %(reason)s.")


def _session(actor: Actor, verification: Verification) -> tuple[list[Verification], int]:
    """What else was decided in the same session, around this decision, and how much, counted up to a bound."""
    if not verification.session_id:
        return [], 0
    rows = verifications_visible_to(actor).filter(agent_id=verification.agent_id)
    same, count = having(actor, rows, {"session_id": verification.session_id}, most=SESSION_COUNTED)
    before = same.filter(id__lte=verification.id).order_by("-id")[: SESSION_SHOWN // 2]
    after = same.filter(id__gt=verification.id).order_by("id")[: SESSION_SHOWN // 2]
    return sorted(before.union(after, all=True), key=lambda row: row.id), count


def _proof(entry: Entry) -> Proof | None:
    try:
        return prove(entry)
    except NotSealedError:
        return None


def _pairs(values: Any) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in values.items()
        if value not in (None, "", [], {}, 0)
    ]


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
