"""Requests for agents: made by members, fulfilled by a registration, declined with a reason, or taken back."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.catalogue import CATALOGUE
from agents.requests.models import AgentRequest
from agents.requests.selectors import locked_agent_request
from agents.selectors import agent_by_id
from agents.services.lifecycle import check_reason
from aim import clock
from aim.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.resources.patterns import validate_pattern

MOST_OPEN = 20
LONGEST_PURPOSE, LONGEST_NAME, MOST_RESOURCES = 2000, 200, 50
_Status = AgentRequest.Status
# What a request may be already, for whoever translates the refusal.
_ENDS = (gettext_noop("registered"), gettext_noop("declined"), gettext_noop("withdrawn"))


@transaction.atomic
def request_agent(
    actor: Actor,
    *,
    display_name: str,
    purpose: str,
    capabilities: Sequence[str] = (),
    resource_scope: Sequence[str] = (),
) -> AgentRequest:
    """Ask those who register agents for one. Raises `InvalidInputError`, and `ConflictError` for too many open ones."""
    actor.require(Permission.AGENTS_REQUEST)
    if actor.organization_id is None or actor.id is None:
        raise NotFoundError
    _check(display_name, purpose, capabilities, resource_scope)
    mine = AgentRequest.objects.filter(organization_id=actor.scope, requested_by_id=actor.self_id, status=_Status.OPEN)
    if mine.count() >= MOST_OPEN:
        raise ConflictError(
            ngettext(
                "You have %(most)s open request. Wait for an answer, or withdraw it.",
                "You have %(most)s open requests. Wait for an answer, or withdraw one.",
                MOST_OPEN,
            )
            % {"most": MOST_OPEN}
        )
    row = AgentRequest.objects.create(
        organization_id=actor.organization_id,
        requested_by_id=actor.id,
        display_name=display_name.strip(),
        purpose=purpose.strip(),
        capabilities=[code for code in CATALOGUE if code in capabilities],
        resource_scope=list(resource_scope),
    )
    data = {"capabilities": row.capabilities, "resource_scope": row.resource_scope}
    _record(actor, Event.AGENT_REQUESTED, row, data, {"display_name": row.display_name, "purpose": row.purpose})
    return row


@transaction.atomic
def decline_agent_request(actor: Actor, request_id: UUID, *, note: str) -> AgentRequest:
    """With a reason that the member reads. Raises `ConflictError` once it is decided."""
    actor.require(Permission.AGENTS_WRITE)
    _check_note(note)
    row = _open(actor, request_id)
    _end(actor, row, _Status.DECLINED, note=note.strip())
    _record(actor, Event.AGENT_REQUEST_DECLINED, row, {}, {"note": row.note, **_asker(row)})
    return row


@transaction.atomic
def withdraw_agent_request(actor: Actor, request_id: UUID) -> AgentRequest:
    """By whoever made it; another's is not found."""
    actor.require(Permission.AGENTS_REQUEST)
    row = _open(actor, request_id, mine=True)
    _end(actor, row, _Status.WITHDRAWN)
    _record(actor, Event.AGENT_REQUEST_WITHDRAWN, row, {})
    return row


@transaction.atomic
def fulfil_agent_request(actor: Actor, request_id: UUID, agent_id: UUID) -> AgentRequest:
    """Close it with an agent of the registry: the one that was registered for it, or one that does already."""
    actor.require(Permission.AGENTS_WRITE)
    row, agent = _open(actor, request_id), agent_by_id(actor, agent_id)
    row.agent = agent
    _end(actor, row, _Status.REGISTERED)
    data = {"agent": {"id": agent.id.hex, "label": agent.name}}
    _record(actor, Event.AGENT_REQUEST_FULFILLED, row, data, _asker(row))
    return row


def first_values(row: AgentRequest) -> dict[str, object]:
    """What the registration wizard begins with."""
    return {
        "display_name": row.display_name,
        "description": row.purpose,
        "capabilities": row.capabilities,
        "resource_scope": row.resource_scope,
    }


def _open(actor: Actor, request_id: UUID, *, mine: bool = False) -> AgentRequest:
    row = locked_agent_request(actor, request_id)
    if mine and row.requested_by_id != actor.id:
        raise NotFoundError
    if not row.is_open:
        raise ConflictError(_("This request is %(status)s already.") % {"status": _(row.status)})
    return row


def _end(actor: Actor, row: AgentRequest, status: AgentRequest.Status, *, note: str = "") -> None:
    row.status, row.note = status, note
    row.decided_by_id, row.decided_at = actor.id, clock.now()
    row.save(update_fields=["status", "note", "decided_by", "decided_at", "agent"])


def _asker(row: AgentRequest) -> dict[str, object]:
    return {"requested_by": row.requested_by_id.hex} if row.requested_by_id else {}


def _check(display_name: str, purpose: str, capabilities: Sequence[str], resource_scope: Sequence[str]) -> None:
    problems: list[Problem] = []
    if not display_name.strip() or len(display_name) > LONGEST_NAME:
        message = ngettext(
            "Name the agent, in at most %(most)s character.",
            "Name the agent, in at most %(most)s characters.",
            LONGEST_NAME,
        ) % {"most": LONGEST_NAME}
        problems.append(Problem("display_name", "required", message))
    if not purpose.strip() or len(purpose) > LONGEST_PURPOSE:
        message = ngettext(
            "Say what it is for, in at most %(most)s character.",
            "Say what it is for, in at most %(most)s characters.",
            LONGEST_PURPOSE,
        ) % {"most": LONGEST_PURPOSE}
        problems.append(Problem("purpose", "required", message))
    problems += [
        Problem("capabilities", "unknown", _("There is no capability %(code)s.") % {"code": code[:80]})
        for code in capabilities
        if code not in CATALOGUE
    ]
    if len(resource_scope) > MOST_RESOURCES:
        problems.append(
            Problem(
                "resource_scope",
                "too_many",
                ngettext("Name at most %(most)s resource.", "Name at most %(most)s resources.", MOST_RESOURCES)
                % {"most": MOST_RESOURCES},
            )
        )
    for index, pattern in enumerate(resource_scope[:MOST_RESOURCES]):
        problems += [Problem(f"resource_scope[{index}]", "invalid", text) for text in validate_pattern(pattern)]
    if problems:
        raise InvalidInputError(tuple(problems))


def _check_note(note: str) -> None:
    try:
        check_reason(note)
    except InvalidInputError as error:
        problem = error.problems[0]
        raise InvalidInputError((Problem("note", problem.code, problem.message),)) from None


def _record(
    actor: Actor,
    event: Event,
    row: AgentRequest,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> None:
    append_entry(
        kind=event.value,
        organization_id=row.organization_id,
        actor=actor.entry(),
        subject={"kind": "agent_request", "id": row.id.hex},
        subject_id=row.id,
        data={"status": row.status, **data},
        personal=personal,
    )


def blot_requests(entries: Collection[UUID]) -> int:
    """The words of those whose entries are erased."""
    asked = Entry.objects.filter(id__in=entries, kind__startswith="agents.request.")
    return AgentRequest.objects.filter(id__in=asked.values("subject_id")).update(
        display_name="", purpose="", note="", resource_scope=[]
    )
