"""What an agent's page shows of the MCP servers that it uses, and of those that it may use."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Max, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.catalogue import actions_of
from agents.models import Agent
from agents.tabs import AgentTab, register_tab
from mcp.figures import Use, recent_hours
from mcp.models import AgentToolUse, AgentUse, McpServer, ServerStatus, Tool, VerificationStatus
from mcp.selectors import servers_visible_to

SHOWN: Final = 200
"""So many servers of each kind; the page says how many more there are."""
ACTIONS: Final = ("mcp_tool_call", "mcp_resource_read", "mcp_prompt_get")
_SUMS = ("requests", "approved", "completed", "succeeded", "duration_ms")


@dataclass(frozen=True, slots=True)
class ConnectedServer:
    """A server the agent has asked for. `use` is of the last 24 hours; `tools` of all time, the most asked first."""

    server: McpServer
    use: Use
    last_at: datetime
    may_use: bool
    tools: list[AgentToolUse] = field(default_factory=list)

    @property
    def url(self) -> str:
        return reverse("mcp:server-detail", args=[self.server.public_id])


@dataclass(frozen=True, slots=True)
class OpenServer:
    """A server that would not refuse the agent as such, with how many of its tools are switched on."""

    server: McpServer
    automatic: int
    approval: int
    connected: bool

    @property
    def url(self) -> str:
        return reverse("mcp:server-detail", args=[self.server.public_id])


def connected_servers(actor: Actor, agent: Agent) -> list[ConnectedServer]:
    """From the agent's decisions of all times, the latest first. Servers that were deleted are in none of them."""
    recent = Q(hour__gt=recent_hours())
    rows: list[Any] = list(
        AgentUse.objects.filter(agent_id=agent.id, server__in=_scoped(actor))
        .order_by()
        .values("server_id")
        .annotate(last=Max("last_at"), **{f"n_{name}": Sum(name, filter=recent, default=0) for name in _SUMS})
        .order_by("-last")
    )
    servers = servers_visible_to(actor).in_bulk([row["server_id"] for row in rows])
    tools = _tools_used(agent, list(servers))
    return [
        ConnectedServer(
            server=server,
            use=Use(**{name: row[f"n_{name}"] for name in _SUMS}),
            last_at=row["last"],
            may_use=may_use(agent, server),
            tools=tools[server.id],
        )
        for row in rows
        if (server := servers.get(row["server_id"])) is not None
    ]


def open_servers(actor: Actor, agent: Agent) -> list[OpenServer]:
    """Those in use and verified that are open to the agent, by name."""
    on = Q(tools__enabled=True, tools__present=True, tools__held_reason="")
    rows = (
        servers_visible_to(actor)
        .filter(status=ServerStatus.ACTIVE, verification=VerificationStatus.VERIFIED)
        .filter(Q(allowed_agents=[]) | Q(allowed_agents__contains=[agent.public_id]))
        .annotate(
            automatic=Count("tools", filter=on & Q(tools__permission=Tool.Permission.AUTOMATIC)),
            approval=Count("tools", filter=on & Q(tools__permission=Tool.Permission.APPROVAL)),
        )
        .order_by("display_name", "id")
    )
    asked = set(AgentUse.objects.filter(agent_id=agent.id).values_list("server_id", flat=True).distinct())
    return [OpenServer(row, row.automatic, row.approval, row.id in asked) for row in rows]


def may_use(agent: Agent, server: McpServer) -> bool:
    """Whether the server is verified and open to the agent: what decisions ask first of a call through it."""
    return server.is_trusted and (not server.allowed_agents or agent.public_id in server.allowed_agents)


def _scoped(actor: Actor) -> Any:
    return servers_visible_to(actor).select_related(None).prefetch_related(None).order_by().values("id")


def _tools_used(agent: Agent, server_ids: list[UUID]) -> dict[UUID, list[AgentToolUse]]:
    rows = AgentToolUse.objects.filter(agent_id=agent.id, tool__server__in=server_ids).select_related("tool")
    tools: dict[UUID, list[AgentToolUse]] = defaultdict(list)
    for row in rows.order_by("-requests", "tool__name"):
        tools[row.tool.server_id].append(row)
    return tools


def _servers(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    connected, usable = connected_servers(actor, agent), open_servers(actor, agent)
    actions = actions_of(set(agent.capabilities))
    return {
        "connected": connected[:SHOWN],
        "more_connected": max(len(connected) - SHOWN, 0),
        "usable": usable[:SHOWN],
        "more_usable": max(len(usable) - SHOWN, 0),
        "may_ask": [action for action in ACTIONS if action in actions],
    }


register_tab(
    AgentTab("servers", _("Connected MCP servers"), 50, "mcp/agent_servers.html", _servers, Permission.MCP_READ)
)
