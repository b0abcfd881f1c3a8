"""A server's tools as a person judges them: what is approved, what is offered now, and how the two differ."""

from dataclasses import dataclass

from mcp.models import McpServer, Tool, ToolChange
from mcp.wording import FieldDiff, definition_diff, field_text, visible


@dataclass(frozen=True, slots=True)
class ShownTool:
    """A tool, ready for the template; everything from its definition is hostile text."""

    tool: Tool
    name: str
    description: str
    schema: str
    differs: list[FieldDiff]
    change: ToolChange | None

    @property
    def pinned(self) -> str:
        return bytes(self.tool.definition_digest).hex()

    @property
    def held(self) -> bool:
        return bool(self.tool.held_reason)


def tools_of(server: McpServer) -> list[ShownTool]:
    """All of them by name, those that somebody should judge first."""
    tools = list(server.tools.prefetch_related("changes"))
    shown = [_shown(tool) for tool in tools]
    return sorted(shown, key=lambda row: (row.tool.offered is None, not row.tool.present, row.tool.name))


def _shown(tool: Tool) -> ShownTool:
    definition = tool.definition if isinstance(tool.definition, dict) else {}
    offered = tool.offered if isinstance(tool.offered, dict) else None
    changes = [change for change in tool.changes.all() if not change.resolution]
    return ShownTool(
        tool=tool,
        name=visible(tool.name),
        description=field_text(str(definition.get("description", ""))),
        schema=field_text(definition.get("inputSchema", {})),
        differs=definition_diff(definition, offered) if offered is not None else [],
        change=changes[0] if changes else None,
    )
