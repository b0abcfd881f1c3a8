"""An organization's verified MCP servers, compiled once for all its agents and ready to decide from."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, LiteralString
from uuid import UUID

from aim.ids import IdKind, show_id

LOAD_SERVERS: LiteralString = """
SELECT b.generation,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(s.id, s.name, s.allowed_ip_ranges, s.allowed_agents, s.rate_per_minute,
        (SELECT coalesce(jsonb_object_agg(t.name, t.permission), '{}') FROM mcp_tool t
            WHERE t.server_id = s.id AND t.enabled AND t.present AND t.held_reason = ''))), '[]')
        FROM mcp_mcpserver s WHERE s.organization_id = b.organization_id
            AND s.status = 'active' AND s.verification = 'verified') AS servers
FROM mcp_serverbook b WHERE b.organization_id = %s
"""


@dataclass(frozen=True, slots=True)
class ServerRules:
    """`agents` are the shown ids of those that may call it; None means all verified agents. `tools` has the permission
    of each tool that is switched on. `broken` says what of it could not be understood, which denies every call.
    """

    id: bytes
    hex_id: str
    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    agents: frozenset[str] | None
    rate_per_minute: int
    tools: Mapping[str, str]
    broken: str = ""


@dataclass(frozen=True, slots=True)
class ServerBook:
    generation: int
    by_id: Mapping[str, ServerRules]
    by_name: Mapping[str, ServerRules]

    def find(self, given: str | None) -> ServerRules | None:
        """The verified server with this id or, exactly, this name. Nobody's name can pass for another's id."""
        if given is None:
            return None
        return self.by_id.get(given) or self.by_name.get(given)


NO_SERVERS = ServerBook(0, {}, {})


def compile_servers(row: Mapping[str, Any]) -> ServerBook:
    """Compile a row of `LOAD_SERVERS`."""
    servers = [_rules(*found) for found in row["servers"]]
    return ServerBook(
        row["generation"],
        {show_id(IdKind.MCP_SERVER, UUID(hex=server.hex_id)): server for server in servers},
        {server.name: server for server in servers},
    )


def _rules(
    id_: str, name: str, ranges: list[str], agents: list[str], rate_per_minute: int, tools: dict[str, str]
) -> ServerRules:
    server_id = UUID(id_)
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    broken = ""
    try:
        networks = tuple(ip_network(text) for text in ranges)
    except ValueError as error:
        broken = f"allowed IP ranges: {error}"
    allowed = frozenset(agents) if agents else None
    return ServerRules(server_id.bytes, server_id.hex, name, networks, allowed, rate_per_minute, tools, broken)
