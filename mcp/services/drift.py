"""What a server offers now, against what was approved of it."""

from collections.abc import Mapping
from typing import Any

from aim import clock
from mcp.definitions import digest_of_definition
from mcp.models import McpServer, Tool, VerificationRun


def take_offer(server: McpServer, _run: VerificationRun, offered: Mapping[str, Mapping[str, Any]]) -> bool:
    """Keep what the server lists: new tools are off, changed ones are held. Answers whether a decision may change."""
    now, changed = clock.now(), False
    known = {tool.name: tool for tool in server.tools.select_for_update().order_by("id")}
    for name, definition in offered.items():
        tool, digest = known.get(name), digest_of_definition(definition)
        if tool is None:
            Tool.objects.create(
                server=server, name=name, definition=dict(definition), definition_digest=digest, last_seen_at=now
            )
            changed = True
            continue
        before = (tool.held_reason, tool.present)
        differs = bytes(tool.definition_digest) != digest
        tool.offered = dict(definition) if differs else None
        tool.held_reason = "Its definition has changed since it was approved." if differs else ""
        tool.present, tool.last_seen_at = True, now
        tool.save(update_fields=["offered", "held_reason", "present", "last_seen_at"])
        changed |= before != (tool.held_reason, tool.present)
    gone = [tool.id for name, tool in known.items() if name not in offered and tool.present]
    if gone:
        server.tools.filter(id__in=gone).update(present=False)
    return changed or bool(gone)
