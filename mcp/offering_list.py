"""What a server offers beside its tools, as a person judges it."""

from dataclasses import dataclass
from typing import Any

from mcp.drift import Kind, sentence_of
from mcp.models import McpServer, Offering
from mcp.wording import FieldDiff, definition_diff, field_text, visible


@dataclass(frozen=True, slots=True)
class ShownOffering:
    """Ready for the template; everything from its definition is hostile text."""

    row: Offering
    name: str
    description: str
    more: str
    """Where a resource is, or what a prompt asks for."""
    differs: list[FieldDiff]
    remark: str

    @property
    def pinned(self) -> str:
        return bytes(self.row.definition_digest).hex()


@dataclass(frozen=True, slots=True)
class Offerings:
    instructions: ShownOffering | None
    resources: list[ShownOffering]
    prompts: list[ShownOffering]

    @property
    def judged(self) -> list[ShownOffering]:
        """Those that somebody should look at."""
        first = [self.instructions] if self.instructions else []
        return [shown for shown in (*first, *self.resources, *self.prompts) if shown.row.drift]


def offerings_of(server: McpServer) -> Offerings:
    rows = [_shown(row) for row in server.offerings.all()]
    by_kind = {kind: [shown for shown in rows if shown.row.kind == kind] for kind in Offering.Kind}
    spoken = by_kind[Offering.Kind.INSTRUCTIONS]
    return Offerings(spoken[0] if spoken else None, by_kind[Offering.Kind.RESOURCE], by_kind[Offering.Kind.PROMPT])


def _shown(row: Offering) -> ShownOffering:
    definition: dict[str, Any] = row.definition if isinstance(row.definition, dict) else {}
    offered = row.offered if isinstance(row.offered, dict) else None
    return ShownOffering(
        row=row,
        name=visible(str(definition.get("title") or definition.get("name") or row.name)[:200]),
        description=field_text(str(definition.get("description") or "")),
        more=visible(_more(row, definition)),
        differs=definition_diff(definition, offered) if offered is not None else [],
        remark=sentence_of([Kind(kind) for kind in row.drift]),
    )


def _more(row: Offering, definition: dict[str, Any]) -> str:
    if row.kind != Offering.Kind.PROMPT:
        return row.name
    asked = definition.get("arguments")
    names = [str(item.get("name", "")) for item in asked if isinstance(item, dict)] if isinstance(asked, list) else []
    return ", ".join(names)[:300]
