"""What a server offers now, against what was approved: new tools are off, changed ones are answered by setting."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from aim import clock
from aim.canonical import digest
from aim.ledger.events import Event
from aim.ledger.language import language_of_the_ledger
from mcp.alerts import FAILURE
from mcp.definitions import digest_of_definition
from mcp.drift import Kind, differences, is_renamed, is_suspicious, risk_of, sentence_of, severity_of, traits_of_new
from mcp.ledger_entries import record
from mcp.models import DriftResponse, McpServer, ServerStatus, Tool, ToolChange, VerificationRun
from mcp.services.events import Kind as EventKind
from mcp.services.events import Severity, mcp_system, note
from mcp.services.lifecycle import move_server
from mcp.services.notices import tell
from mcp.services.offerings import held_by_instructions

Definition = Mapping[str, Any]
_GONE = "gone"
_MOST_NAMES = 50


def take_offer(server: McpServer, run: VerificationRun, offered: Mapping[str, Definition]) -> None:
    """Keep what the server lists, and react to every difference once."""
    assert connection.in_atomic_block
    known = {tool.name: tool for tool in server.tools.select_for_update().order_by("id")}
    gone = [tool for name, tool in known.items() if name not in offered and tool.present]
    if gone:
        server.tools.filter(id__in=[tool.id for tool in gone]).update(present=False)
        names = ", ".join(tool.name for tool in gone[:_MOST_NAMES])
        text = _("Tools are no longer offered: %(names)s") % {"names": names}
        note(server, EventKind.TOOL_CHANGED, Severity.LOW, text, {"run": run.id.hex})
    found: list[ToolChange] = []
    same = {tool.id for name, tool in known.items() if name in offered and _is_as_approved(tool, offered[name])}
    # Most tools of most runs: one statement for all of them.
    server.tools.filter(id__in=same).update(last_seen_at=clock.now())
    for name, definition in offered.items():
        tool = known.get(name)
        if tool is not None and tool.id not in same:
            change = _compare(server, tool, definition)
            found += [change] if change is not None else []
    new = [name for name in offered if name not in known]
    if new:
        found += _add(server, run, {name: offered[name] for name in new}, gone, is_first=not known)
    if found:
        _answer(server, run, found)


def _is_as_approved(tool: Tool, definition: Definition) -> bool:
    return tool.present and tool.offered is None and bytes(tool.definition_digest) == digest_of_definition(definition)


def _compare(server: McpServer, tool: Tool, definition: Definition) -> ToolChange | None:
    """Take what the server lists of the tool; answers the change where it is one not met before."""
    tool.present, tool.last_seen_at = True, clock.now()
    change = None
    if bytes(tool.definition_digest) == digest_of_definition(definition):
        if tool.offered is not None:
            # It is again what was approved.
            tool.changes.filter(resolution="").update(resolution=_GONE, resolved_at=clock.now())
            tool.offered, tool.held_reason = None, held_by_instructions(server)
    elif tool.offered is None or digest(tool.offered) != digest(dict(definition)):
        kinds = differences(tool.definition, definition) or [Kind.OTHER]
        tool.offered = dict(definition)
        if server.drift_response != DriftResponse.ALERT:
            # Decisions record it, in the language of the ledger.
            with language_of_the_ledger():
                tool.held_reason = f"No longer what was approved: {sentence_of(kinds)}."
        tool.changes.filter(resolution="").update(resolution=_GONE, resolved_at=clock.now())
        change = _change(server, tool, kinds, tool.definition, definition)
    tool.save(update_fields=["present", "last_seen_at", "offered", "held_reason"])
    return change


def _add(
    server: McpServer, run: VerificationRun, new: Mapping[str, Definition], gone: Sequence[Tool], *, is_first: bool
) -> list[ToolChange]:
    """Keep new tools, switched off. Each is a change; of a server's first list, only what is suspicious."""
    elsewhere = Tool.objects.filter(server__organization_id=server.organization_id, present=True)
    others = set(elsewhere.exclude(server=server).values_list("name", flat=True))
    changes = []
    for name, definition in new.items():
        kinds = traits_of_new(definition, others)
        renamed = next((tool for tool in gone if is_renamed(tool.definition, definition)), None)
        if renamed is not None:
            kinds = [*kinds, Kind.RENAME]
        tool = Tool.objects.create(
            server=server,
            name=name,
            definition=dict(definition),
            definition_digest=digest_of_definition(definition),
            risk=risk_of(definition, kinds),
            last_seen_at=clock.now(),
        )
        if is_suspicious(kinds) or not is_first:
            changes.append(_change(server, tool, kinds, renamed.definition if renamed else None, definition))
    data = {"run": run.id.hex, "tools": list(new)[:_MOST_NAMES], "count": len(new)}
    record(mcp_system(server), Event.MCP_TOOL_FOUND, server=server, data=data)
    return changes


def _change(
    server: McpServer, tool: Tool, kinds: Sequence[Kind], before: Definition | None, after: Definition
) -> ToolChange:
    return ToolChange.objects.create(
        tool=tool,
        kinds=[kind.value for kind in kinds],
        severity=severity_of(kinds),
        before=None if before is None else dict(before),
        after=dict(after),
        response=server.drift_response,
    )


def _answer(server: McpServer, run: VerificationRun, changes: Sequence[ToolChange]) -> None:
    """Tell of each change, and suspend the server where that is the answer to what was approved before."""
    actor = mcp_system(server)
    for change in changes:
        kinds = [Kind(kind) for kind in change.kinds]
        data = {
            "run": run.id.hex,
            "tool": change.tool.name,
            "kinds": change.kinds,
            "severity": change.severity,
            "response": str(change.response),
            "approved": bytes(change.tool.definition_digest).hex(),
            "offered": digest_of_definition(change.after or {}).hex(),
        }
        record(actor, Event.MCP_TOOL_CHANGED, server=server, data=data)
        text = _("Tool %(name)s: %(changes)s") % {"name": change.tool.name, "changes": sentence_of(kinds)}
        note(server, EventKind.TOOL_CHANGED, Severity(change.severity), text, {**data, "change": change.id.hex})
    drifted = [change for change in changes if Kind.NEW.value not in change.kinds]
    if not drifted:
        return
    names = ", ".join(change.tool.name for change in drifted[:_MOST_NAMES])
    suspends = server.drift_response == DriftResponse.SUSPEND and server.status == ServerStatus.ACTIVE
    if suspends:
        reason = f"Tools are no longer what was approved: {names}"
        move_server(actor, server, "suspended", reason=reason)
        text = _("Server suspended. Tools are no longer what was approved: %(names)s") % {"names": names}
        note(server, EventKind.SUSPENSION, Severity.CRITICAL, text, {"run": run.id.hex})
    words = (
        _("Tools of %(server)s have changed, and it is suspended")
        if suspends
        else _("Tools of %(server)s have changed")
    )
    sentence = words % {"server": server.name}
    details = [f"{change.tool.name}: {sentence_of([Kind(kind) for kind in change.kinds])}" for change in drifted[:20]]
    tell(server, FAILURE, sentence, details, once=f"mcp-drift:{run.id.hex}")
