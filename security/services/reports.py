"""Reports of suspicious behaviour: made by members, and dismissed, escalated or acted on by those who handle them."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.selectors import agent_by_id
from agents.services.lifecycle import suspend_agent
from aim import clock
from aim.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry
from security.models import UNDECIDED, Report
from security.selectors import locked_report
from verification.selectors import verifications_visible_to

MOST_OPEN = 50
LONGEST_TEXT, LONGEST_NOTE = 4000, 1500
_Status, _Severity = Report.Status, Report.Severity


@transaction.atomic
def report_behaviour(
    actor: Actor, *, severity: str, text: str, agent_id: UUID | None = None, verification_id: UUID | None = None
) -> Report:
    """Report an agent, or one of its decisions, which names the agent by itself.

    Raises `NotFoundError` for what the actor does not see, `InvalidInputError`, and `ConflictError` for too many.
    """
    actor.require(Permission.REPORTS_MAKE)
    if actor.organization_id is None or actor.id is None:
        raise NotFoundError
    problems = []
    if severity not in _Severity.values:
        problems.append(
            Problem(
                "severity",
                "invalid",
                _("The severity must be one of %(choices)s.") % {"choices": ", ".join(_Severity.values)},
            )
        )
    if not text.strip() or len(text) > LONGEST_TEXT:
        problems.append(
            Problem(
                "text",
                "required",
                ngettext(
                    "Say what you saw, in at most %(most)s character.",
                    "Say what you saw, in at most %(most)s characters.",
                    LONGEST_TEXT,
                )
                % {"most": LONGEST_TEXT},
            )
        )
    if agent_id is None and verification_id is None:
        problems.append(Problem("agent_id", "required", _("Name the agent or the verification.")))
    if problems:
        raise InvalidInputError(tuple(problems))
    if verification_id is not None:
        verification = verifications_visible_to(actor).filter(id=verification_id).first()
        if verification is None or (agent_id is not None and agent_id != verification.agent_id):
            raise NotFoundError
        agent_id = verification.agent_id
    assert agent_id is not None
    agent = agent_by_id(actor, agent_id)
    mine = Report.objects.filter(organization_id=actor.scope, reported_by_id=actor.self_id, status__in=UNDECIDED)
    if mine.count() >= MOST_OPEN:
        sentence = ngettext(
            "%(most)s of your reports is still to be decided.",
            "%(most)s of your reports are still to be decided.",
            MOST_OPEN,
        )
        raise ConflictError(sentence % {"most": MOST_OPEN})
    row = Report.objects.create(
        organization_id=actor.organization_id,
        reported_by_id=actor.id,
        agent=agent,
        verification_id=verification_id,
        severity=severity,
        text=text.strip(),
    )
    _record(actor, Event.REPORT_MADE, row, {"text": row.text})
    return row


@transaction.atomic
def dismiss_report(actor: Actor, report_id: UUID, *, note: str) -> Report:
    """With a note that whoever reported reads. Raises `ConflictError` once it is decided."""
    row = _undecided(actor, report_id, note)
    _decide(actor, row, _Status.DISMISSED, note)
    _record(actor, Event.REPORT_DISMISSED, row, {"note": row.note, **_reporter(row)})
    return row


@transaction.atomic
def escalate_report(actor: Actor, report_id: UUID, *, note: str) -> Report:
    """Call everybody who handles reports: it is critical from now on, and still to be decided."""
    row = _undecided(actor, report_id, note)
    if row.status == _Status.ESCALATED:
        raise ConflictError(_("This report is escalated already."))
    row.severity = _Severity.CRITICAL
    _decide(actor, row, _Status.ESCALATED, note)
    _record(actor, Event.REPORT_ESCALATED, row, {"note": row.note, **_reporter(row)})
    return row


@transaction.atomic
def suspend_reported_agent(actor: Actor, report_id: UUID, *, note: str) -> Report:
    """Suspend the agent, by the same service as ever, and close the report with it."""
    actor.require(Permission.AGENTS_LIFECYCLE)
    row = _undecided(actor, report_id, note)
    suspend_agent(actor, row.agent_id, reason=f"Suspicious behaviour was reported: {note.strip()}")
    _decide(actor, row, _Status.ACTED_ON, note)
    _record(actor, Event.REPORT_ACTED_ON, row, {"note": row.note, **_reporter(row)})
    return row


def _undecided(actor: Actor, report_id: UUID, note: str) -> Report:
    actor.require(Permission.REPORTS_HANDLE)
    if not note.strip() or len(note) > LONGEST_NOTE:
        message = ngettext(
            "Say why, in at most %(most)s character.", "Say why, in at most %(most)s characters.", LONGEST_NOTE
        ) % {"most": LONGEST_NOTE}
        raise InvalidInputError((Problem("note", "required", message),))
    row = locked_report(actor, report_id)
    if not row.is_undecided:
        raise ConflictError(
            _("This report is decided already: %(status)s.") % {"status": row.get_status_display().lower()}
        )
    return row


def _decide(actor: Actor, row: Report, status: Report.Status, note: str) -> None:
    row.status, row.note = status, note.strip()
    row.decided_by_id, row.decided_at = actor.id, clock.now()
    row.save(update_fields=["status", "severity", "note", "decided_by", "decided_at"])


def _reporter(row: Report) -> dict[str, object]:
    return {"reported_by": row.reported_by_id.hex} if row.reported_by_id else {}


def _record(actor: Actor, event: Event, row: Report, personal: dict[str, object]) -> None:
    append_entry(
        kind=event.value,
        organization_id=row.organization_id,
        actor=actor.entry(),
        subject={"kind": "report", "id": row.id.hex},
        subject_id=row.id,
        data={
            "status": row.status,
            "severity": row.severity,
            "agent": {"id": row.agent_id.hex, "label": row.agent.name},
            "verification": row.verification_id.hex if row.verification_id else None,
        },
        personal=personal,
    )


def blot_reports(entries: Collection[UUID]) -> int:
    """The words of those whose entries are erased."""
    made = Entry.objects.filter(id__in=entries, kind__startswith="security.report.")
    return Report.objects.filter(id__in=made.values("subject_id")).update(text="", note="")
