"""Asking the checks again, of the request as it is on record and of what is true now: an approval beats no denial."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import connection

from aim.crypto.signature_base import SignedMessage
from aim.errors import InvalidInputError
from aim.ledger.models import Entry
from verification.approvals.models import Approval
from verification.approvals.requirements import flat
from verification.codes import Code
from verification.contracts import ActionRequest, Case, DecisionStatus, Failed, Origin
from verification.mcp_servers import LOAD_SERVERS, ServerBook, compile_servers
from verification.models import Verification
from verification.pipeline import Pipeline
from verification.policies.book import LOAD_BOOK, read_row
from verification.policies.compiled import compile_book
from verification.policies.results import ApprovalRequirement
from verification.registry import checks_in_order
from verification.requests import action_from
from verification.selectors import record_of
from verification.snapshot import LOAD_BY_AGENT, AgentSnapshot, snapshot_from_row

log = structlog.get_logger("aim.verification")
_NO_MESSAGE = SignedMessage("POST", "https", b"", b"/", b"", [], b"")
_UNREADABLE = Failed(Code.CHECK_FAILED, "Check could not be carried out")
_ORGANIZATION_DISABLED = Failed(Code.AGENT_SUSPENDED, "Organization is disabled")


class Ruling(NamedTuple):
    """What stands against the action now, or None; and what must be agreed to now."""

    refusal: Failed | None
    requirements: tuple[ApprovalRequirement, ...] = ()


class Recorded(NamedTuple):
    """A request as the ledger has it, where it came from, and when: seconds since 1970."""

    request: ActionRequest
    address: str
    at: float


def ask_again(approval: Approval, verification: Verification) -> Ruling:
    """The ruling of this moment. The caller has locked the agent's runtime row, and the calls of the server that the
    request names are held here, so that it stays true until the commit.

    The signature is not asked again: it was good when the request came, and the message is gone. The hour is that of
    the request, by every check: what was asked within working hours may be agreed to in the evening. Of grants, the
    snapshot holds only those that stand now.
    """
    recorded = _on_record(approval, verification)
    agent = current_snapshot(approval.agent_id, calls=recorded.request.mcp_server if recorded else None)
    if recorded is None or agent is None:
        return Ruling(_UNREADABLE)
    if not agent.organization_active:
        return Ruling(_ORGANIZATION_DISABLED)
    origin = Origin(_NO_MESSAGE, recorded.address, b"", "", 0)
    decision = _pipeline().decide(Case(recorded.request, agent, origin, recorded.at))
    if decision.status is DecisionStatus.DENIED:
        return Ruling(Failed(decision.code, decision.reason))
    return Ruling(None, flat(decision.requirement) if decision.requirement is not None else ())


def current_snapshot(agent_id: UUID, *, calls: str | None = None) -> AgentSnapshot | None:
    """As the engine would read it, by Django's connection and so in its transaction.

    What it says of the MCP server that is named in `calls` stays true until the transaction ends.
    """
    row = read_row(LOAD_BY_AGENT, agent_id)
    if row is None:
        return None
    book = read_row(LOAD_BOOK, row["organization_id"]) if row["policy_generation"] else None
    servers = _servers(row["organization_id"], calls) if row["servers_generation"] else None
    return snapshot_from_row(row, compile_book(book) if book is not None else None, servers)


def _servers(organization_id: UUID, calls: str | None) -> ServerBook | None:
    book = _read_servers(organization_id)
    server = book.find(calls) if book is not None else None
    if server is None:
        return book
    with connection.cursor() as cursor:
        cursor.execute("SELECT mcp_hold_calls(%s)", [server.hex_id])
    # Whoever was changing it has done so by now, and whoever comes waits.
    return _read_servers(organization_id)


def _read_servers(organization_id: UUID) -> ServerBook | None:
    row = read_row(LOAD_SERVERS, organization_id)
    return None if row is None else compile_servers(row)


@cache
def _pipeline() -> Pipeline:
    return Pipeline([check for check in checks_in_order() if check.asked_again])


def _on_record(approval: Approval, verification: Verification) -> Recorded | None:
    """The request that the ledger has; None where it is not the one that waits."""
    try:
        record = record_of(verification)
        request, at = request_of(record), datetime.fromisoformat(record["at"]).timestamp()
    except (InvalidInputError, KeyError, TypeError, ValueError, Entry.DoesNotExist):
        log.exception("approval_not_readable", approval=approval.public_id)
        return None
    address = record["actor"]["address"]
    digests = {request.digest, bytes(approval.request_digest), bytes(verification.request_digest)}
    if address is None or record["altered"] or len(digests) != 1 or verification.agent_id != approval.agent_id:
        log.error("approval_is_not_of_its_request", approval=approval.public_id)
        return None
    return Recorded(request, address, at)


def request_of(record: dict[str, Any]) -> ActionRequest:
    """The request behind a recorded decision; raises where what is needed of it was erased."""
    data = record["data"]
    action, context = dict(data["action"]), data["context"]
    for optional in ("mcp_server", "tool"):
        if action.get(optional) is None:
            action.pop(optional, None)
    return action_from({**action, "context": dict(context), "data": dict(data["claims"])})
