"""The states of a server and the one table of what leads from one to another."""

from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.services.lifecycle import check_reason
from aim.ledger.events import Event
from mcp.errors import ServerStatusError
from mcp.ledger_entries import record
from mcp.models import McpServer, ServerStatus
from mcp.selectors import locked_server
from mcp.services.runs import UNDER_WAY, abandon

_TRANSITIONS = {
    "suspended": ({ServerStatus.ACTIVE}, ServerStatus.SUSPENDED, Event.MCP_SERVER_SUSPENDED),
    "resumed": ({ServerStatus.SUSPENDED}, ServerStatus.ACTIVE, Event.MCP_SERVER_RESUMED),
    "retired": ({ServerStatus.ACTIVE, ServerStatus.SUSPENDED}, ServerStatus.RETIRED, Event.MCP_SERVER_RETIRED),
}


@transaction.atomic
def suspend_server(actor: Actor, server_id: UUID, *, reason: str) -> McpServer:
    """No call through the server is approved that is committed later, in any process."""
    return _move(actor, server_id, "suspended", reason=reason)


@transaction.atomic
def resume_server(actor: Actor, server_id: UUID, *, reason: str) -> McpServer:
    """Back in use, as far as its verification allows."""
    return _move(actor, server_id, "resumed", reason=reason)


@transaction.atomic
def retire_server(actor: Actor, server_id: UUID, *, reason: str) -> McpServer:
    """For ever. The server and its records stay; nobody calls it any more, and its runs keep no other's waiting."""
    server = _move(actor, server_id, "retired", reason=reason)
    for run in server.runs.filter(state__in=UNDER_WAY):
        abandon(run, gettext_noop("The server was retired."))
    return server


def _move(actor: Actor, server_id: UUID, verb: str, *, reason: str) -> McpServer:
    actor.require(Permission.MCP_LIFECYCLE)
    check_reason(reason)
    return move_server(actor, locked_server(actor, server_id), verb, reason=reason)


def move_server(actor: Actor, server: McpServer, verb: str, *, reason: str, by_failures: bool = False) -> McpServer:
    """The change itself, of a server whose row is locked.

    `verb` is `suspended`, `resumed` or `retired`. `by_failures` is for the product itself: what it has suspended so,
    a good run brings back.
    """
    assert connection.in_atomic_block
    sources, target, event = _TRANSITIONS[verb]
    if server.status not in sources:
        raise ServerStatusError(server.status, verb)
    before = server.status
    server.status, server.status_reason = target, reason
    server.suspended_by_failures = by_failures and target == ServerStatus.SUSPENDED
    server.save(update_fields=["status", "status_reason", "suspended_by_failures", "updated_at"])
    data = {"before": str(before), "after": target.value, "reason": reason, "by_failures": by_failures}
    record(actor, event, server=server, data=data)
    return server
