"""Counts what agents do through servers, by hour: from decisions and from the reports of what came of them.

A call is a server's by the id or the name that the agent gave; of a name, by the server that has it when the entry is
followed. Requests that were refused count as requests alone; what a rule of the server refused is among its security
events too.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from aim import clock
from aim.arrays import array_of, text_array, uuid_array
from aim.ids import IdKind, InvalidIdError, parse_id
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from mcp.followers.denials import Denial, denial_in, forget_denials, write_denials
from mcp.models import AgentToolUse, AgentUse, McpServer

_SECONDS = timedelta(seconds=60)
"""A decision is recorded within so much of the moment that its id names."""
_DECISIONS = """
SELECT id, body FROM ledger_entry
WHERE id = ANY(%s) AND kind = 'verification.decided' AND recorded_at BETWEEN %s AND %s
"""
# A server that was removed meanwhile has no use any more.
_ADD = """
INSERT INTO mcp_agentuse AS u
    (organization_id, server_id, agent_id, hour, requests, approved, completed, succeeded, duration_ms, last_at)
SELECT s.organization_id, s.id, t.agent_id, t.hour::timestamptz, t.requests, t.approved, t.completed, t.succeeded,
    t.duration_ms, t.last_at::timestamptz
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::float[], %s::text[])
    AS t(server_id, agent_id, hour, requests, approved, completed, succeeded, duration_ms, last_at)
JOIN mcp_mcpserver s ON s.id = t.server_id
ON CONFLICT (server_id, agent_id, hour) DO UPDATE SET
    requests = u.requests + excluded.requests, approved = u.approved + excluded.approved,
    completed = u.completed + excluded.completed, succeeded = u.succeeded + excluded.succeeded,
    duration_ms = u.duration_ms + excluded.duration_ms, last_at = greatest(u.last_at, excluded.last_at)
"""
# A tool that its server does not offer has no row, and neither has its use.
_ADD_TOOLS = """
INSERT INTO mcp_agenttooluse AS u (tool_id, agent_id, requests, approved, last_at)
SELECT o.id, t.agent_id, t.requests, t.approved, t.last_at::timestamptz
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::int[], %s::int[], %s::text[])
    AS t(server_id, agent_id, name, requests, approved, last_at)
JOIN mcp_tool o ON o.server_id = t.server_id AND o.name = t.name
ON CONFLICT (agent_id, tool_id) DO UPDATE SET
    requests = u.requests + excluded.requests, approved = u.approved + excluded.approved,
    last_at = greatest(u.last_at, excluded.last_at)
"""
_HOUR = 13

Named = tuple[UUID, str]
"""An organization, and what an agent of it has called a server."""


class _Count:
    __slots__ = ("approved", "completed", "duration_ms", "last_at", "requests", "succeeded")

    def __init__(self) -> None:
        self.requests = self.approved = self.completed = self.succeeded = 0
        self.duration_ms = 0.0
        self.last_at = ""

    def columns(self) -> tuple[int, int, int, int, float, str]:
        return self.requests, self.approved, self.completed, self.succeeded, self.duration_ms, self.last_at

    def tool_columns(self) -> tuple[int, int, str]:
        return self.requests, self.approved, self.last_at


@follower(name="mcp_use", kinds={Event.VERIFICATION_DECIDED, Event.VERIFICATION_COMPLETED}, pause=1.0)
class UseFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        asked = _asked_of_servers(entries)
        if not asked:
            return
        servers = _servers_of({named for _, named in asked})
        counts: dict[tuple[UUID, UUID, str], _Count] = {}
        tools: dict[tuple[UUID, UUID, str], _Count] = {}
        denials: list[Denial] = []
        for entry, named in asked:
            if (server_id := servers.get(named)) is None:
                continue
            at, agent_id = entry.body["at"], UUID(entry.body["actor"]["id"])
            _take(counts.setdefault((server_id, agent_id, at[:_HOUR] + ":00:00Z"), _Count()), entry, at)
            if entry.kind != Event.VERIFICATION_DECIDED:
                continue
            if (tool := _text_in(entry.body["data"], "tool")) is not None:
                _take(tools.setdefault((server_id, agent_id, tool), _Count()), entry, at)
            if (denial := denial_in(entry, server_id)) is not None:
                denials.append(denial)
        if counts:
            _add(counts)
        if tools:
            _add_tools(tools)
        if denials:
            write_denials(denials)

    def reset(self) -> None:
        AgentUse.objects.all().delete()
        AgentToolUse.objects.all().delete()
        forget_denials()


def _asked_of_servers(entries: Sequence[SealedEntry]) -> list[tuple[SealedEntry, Named]]:
    """The decisions that named a server, and the reports of such decisions, in their order."""
    decided = [entry for entry in entries if entry.kind == Event.VERIFICATION_DECIDED]
    reported = [entry for entry in entries if entry.kind == Event.VERIFICATION_COMPLETED]
    names = {entry.id: name for entry in decided if (name := _text_in(entry.body["data"], "mcp_server")) is not None}
    names |= _names_of_decisions({UUID(entry.body["subject"]["id"]) for entry in reported} - names.keys())
    asked: list[tuple[SealedEntry, Named]] = []
    if not names:
        return asked
    for entry in entries:
        verification = entry.id if entry.kind == Event.VERIFICATION_DECIDED else UUID(entry.body["subject"]["id"])
        name = names.get(verification)
        if name is not None and entry.organization_id is not None:
            asked.append((entry, (entry.organization_id, name)))
    return asked


def _add(counts: Mapping[tuple[UUID, UUID, str], _Count]) -> None:
    keys = sorted(counts)
    servers, agents, hours = zip(*keys, strict=True)
    *numbers, last_at = zip(*(counts[key].columns() for key in keys), strict=True)
    columns = [uuid_array(servers), uuid_array(agents), text_array(hours), *map(array_of, numbers), text_array(last_at)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)


def _add_tools(counts: Mapping[tuple[UUID, UUID, str], _Count]) -> None:
    keys = sorted(counts)
    servers, agents, names = zip(*keys, strict=True)
    *numbers, last_at = zip(*(counts[key].tool_columns() for key in keys), strict=True)
    columns = [uuid_array(servers), uuid_array(agents), text_array(names), *map(array_of, numbers), text_array(last_at)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_TOOLS, columns)


def _take(count: _Count, entry: SealedEntry, at: str) -> None:
    data = entry.body["data"]
    count.last_at = max(count.last_at, at)
    if entry.kind == Event.VERIFICATION_DECIDED:
        count.requests += 1
        count.approved += data["decision"]["status"] == "approved"
        return
    report = data["report"]
    count.completed += 1
    count.succeeded += report.get("status") == "success"
    count.duration_ms += float(report.get("duration_ms") or 0)


def _text_in(data: Mapping[str, Any], field: str) -> str | None:
    text = (data["action"] or {}).get(field)
    return text if isinstance(text, str) else None


def _names_of_decisions(ids: set[UUID]) -> dict[UUID, str]:
    """What the decisions with these ids have called their server, for those that had one."""
    if not ids:
        return {}
    moments = [clock.at_seconds((id_.int >> 80) / 1000) for id_ in ids]
    with connection.cursor() as cursor:
        cursor.execute(_DECISIONS, [list(ids), min(moments) - _SECONDS, max(moments) + _SECONDS])
        rows = cursor.fetchall()
    names = ((id_, _text_in(json.loads(bytes(body))["data"], "mcp_server")) for id_, body in rows)
    return {id_: name for id_, name in names if name is not None}


def _servers_of(named: Iterable[Named]) -> dict[Named, UUID]:
    """By id first, as decisions do: nobody's name can pass for another's id."""
    wanted = list(named)
    ids = {pair: id_ for pair in wanted if (id_ := _id_in(pair[1])) is not None}
    known = McpServer.objects.filter(id__in=ids.values()).values_list("organization_id", "id")
    by_id = {(organization, id_) for organization, id_ in known}
    names = McpServer.objects.filter(name__in={name for _, name in wanted})
    names = names.filter(organization_id__in={organization for organization, _ in wanted})
    by_name = {(organization, name): id_ for organization, name, id_ in names.values_list("organization", "name", "id")}
    found = {}
    for pair in wanted:
        server_id = ids.get(pair)
        if server_id is not None and (pair[0], server_id) in by_id:
            found[pair] = server_id
        elif pair in by_name:
            found[pair] = by_name[pair]
    return found


def _id_in(text: str) -> UUID | None:
    try:
        return parse_id(IdKind.MCP_SERVER, text)
    except InvalidIdError:
        return None
