"""What a person allows of a server's tools. Each change is in force for the very next call."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.ledger.events import Event
from mcp.definitions import digest_of_definition
from mcp.errors import ToolConflictError
from mcp.ledger_entries import record
from mcp.models import Tool, ToolChange
from mcp.selectors import locked_server, tool_by_id
from mcp.services.offerings import held_by_instructions

APPROVED, REJECTED = "approved", "rejected"


@transaction.atomic
def update_tool(
    actor: Actor, server_id: UUID, tool_id: UUID, *, enabled: bool | None = None, permission: str | None = None
) -> Tool:
    """Switch a tool on or off, or say whether its calls need a person."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    tool = tool_by_id(server, tool_id)
    if enabled and (tool.held_reason or not tool.present):
        raise ToolConflictError(
            _("The tool is held, and must be approved first: %(reason)s") % {"reason": tool.held_reason}
            if tool.held_reason
            else _("The server no longer offers this tool.")
        )
    after = {
        "enabled": tool.enabled if enabled is None else enabled,
        "permission": tool.permission if permission is None else permission,
    }
    before = {"enabled": tool.enabled, "permission": tool.permission}
    differing = {name: {"before": before[name], "after": after[name]} for name in after if before[name] != after[name]}
    if not differing:
        return tool
    tool.enabled, tool.permission = bool(after["enabled"]), str(after["permission"])
    tool.save(update_fields=["enabled", "permission"])
    if tool.enabled:
        # Whoever switches a new tool on has judged it.
        _resolve(actor, tool.changes.filter(before__isnull=True), APPROVED)
    record(actor, Event.MCP_TOOL_UPDATED, server=server, data={"tool": tool.name, "changes": differing})
    return tool


@transaction.atomic
def approve_definition(actor: Actor, server_id: UUID, tool_id: UUID) -> Tool:
    """Take what the server offers now for what is approved: the tool is what it says, and no longer held."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    tool = tool_by_id(server, tool_id)
    if tool.offered is None:
        raise ToolConflictError(_("The tool is as it was approved."))
    before = bytes(tool.definition_digest)
    tool.definition, tool.offered, tool.held_reason = tool.offered, None, held_by_instructions(server)
    tool.definition_digest = digest_of_definition(tool.definition)
    tool.save(update_fields=["definition", "definition_digest", "offered", "held_reason"])
    _resolve(actor, tool.changes.all(), APPROVED)
    data = {"tool": tool.name, "before": before.hex(), "after": bytes(tool.definition_digest).hex()}
    record(actor, Event.MCP_TOOL_APPROVED, server=server, data=data)
    return tool


@transaction.atomic
def reject_definition(actor: Actor, server_id: UUID, tool_id: UUID) -> Tool:
    """Switch the tool off for what the server offers now: it is callable again only as it was, or once approved."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    tool = tool_by_id(server, tool_id)
    if tool.offered is None:
        raise ToolConflictError(_("The tool is as it was approved."))
    tool.held_reason = f"The new definition was rejected by {actor.label}."
    tool.save(update_fields=["held_reason"])
    _resolve(actor, tool.changes.all(), REJECTED)
    data = {"tool": tool.name, "rejected": digest_of_definition(tool.offered).hex()}
    record(actor, Event.MCP_TOOL_REJECTED, server=server, data=data)
    return tool


def _resolve(actor: Actor, changes: QuerySet[ToolChange], resolution: str) -> None:
    changes.filter(resolution="").update(resolution=resolution, resolved_by_id=actor.id, resolved_at=clock.now())
