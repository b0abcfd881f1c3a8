"""What of a server's security events comes from decisions: calls that its own rules refused, and which look suspicious.

One event for each server, agent, code and hour, which counts: a program that keeps on asking must not push everything
else off the list. The address of a call stays out, for events outlive what may be erased of a decision.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from aim.arrays import text_array, uuid_array
from aim.ids import IdKind, show_id, uuid7_floor, uuid7_named
from aim.ledger.followers import SealedEntry
from mcp.models import SecurityEvent
from mcp.services.events import DERIVED, Kind, Severity

MANY: Final = 10
"""So many refusals of an agent at a server within an hour of the clock are suspicious."""
_OUTSIDE: Final = "ip_not_allowed"
_BUSY: Final = "rate_limited"
SEVERITIES: Final = {
    "mcp_capability_disabled": Severity.MEDIUM,
    "mcp_server_not_verified": Severity.MEDIUM,
    _OUTSIDE: Severity.MEDIUM,
    _BUSY: Severity.LOW,
}
"""How grave a refusal is, by its code as decisions carry it."""
_CHECK = "mcp_server"
_HOUR = timedelta(hours=1)
# A server that was removed meanwhile has no events any more.
_WRITE = """
INSERT INTO mcp_securityevent AS e (id, server_id, kind, severity, text, data, at)
SELECT t.id, s.id, t.kind, t.severity, t.text, t.data::jsonb, t.at::timestamptz
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS t(id, server_id, kind, severity, text, data, at)
JOIN mcp_mcpserver s ON s.id = t.server_id
ON CONFLICT (id) DO UPDATE SET text = excluded.text, data = excluded.data
"""


class Denial(NamedTuple):
    """A call that a rule of the server refused; `at` as the record writes moments."""

    server_id: UUID
    agent_id: UUID
    agent: str
    code: str
    reason: str
    at: str

    @property
    def hour(self) -> str:
        return self.at[:13] + ":00:00Z"


class _Key(NamedTuple):
    """`code` is empty for what is suspicious, whatever it was refused for."""

    server_id: UUID
    agent: str
    hour: str
    code: str


class _Row:
    __slots__ = ("at", "data", "id", "text")

    def __init__(self, id_: UUID, at: str, data: dict[str, Any]) -> None:
        self.id, self.at, self.data, self.text = id_, at, data, ""


def denial_in(entry: SealedEntry, server_id: UUID) -> Denial | None:
    """The refusal that a decision's entry records, if it was the server's rule and none of the agent's own."""
    body = entry.body
    decision, actor = body["data"]["decision"], body["actor"]
    if decision["status"] != "denied" or decision["code"] not in SEVERITIES:
        return None
    if not any(line["name"] == _CHECK and line["result"] == "failed" for line in body["data"]["checks"]):
        return None
    return Denial(server_id, UUID(actor["id"]), actor["label"], decision["code"], decision["reason"], body["at"])


def write_denials(denials: Sequence[Denial]) -> None:
    """Count the denials, in the order of the record, so that steps of any size come to the same events."""
    rows = _rows_of(denials)
    changed: dict[_Key, _Row] = {}
    for denial in denials:
        agent = show_id(IdKind.AGENT, denial.agent_id)
        key = _Key(denial.server_id, agent, denial.hour, denial.code)
        changed[key] = row = _row_at(rows, key, denial)
        _count(row, denial)
        times = "once" if row.data["denials"] == 1 else f"{row.data['denials']} times"
        row.text = f"Access denied to {denial.agent}, {times} within the hour: {denial.reason}"
        every = key._replace(code="")
        refused = _refused(rows, every)
        if every in rows or denial.code == _OUTSIDE or refused >= MANY:
            changed[every] = row = _row_at(rows, every, denial)
            row.data |= {"denials": refused, "outside": _denials(rows, every._replace(code=_OUTSIDE))}
            row.data["last_at"] = max(row.data["last_at"], denial.at)
            row.text = f"Suspicious connections of {denial.agent}: {_why(row.data)}"
    if changed:
        _write(changed)


def forget_denials() -> None:
    SecurityEvent.objects.filter(kind__in=DERIVED).delete()


def _why(data: dict[str, Any]) -> str:
    calls = "1 call refused" if data["denials"] == 1 else f"{data['denials']} calls refused"
    outside = f", {data['outside']} from outside the server's address ranges" if data["outside"] else ""
    return f"{calls} within the hour{outside}"


def _denials(rows: dict[_Key, _Row], key: _Key) -> int:
    row = rows.get(key)
    return int(row.data["denials"]) if row else 0


def _refused(rows: dict[_Key, _Row], every: _Key) -> int:
    """All refusals but those for the rate: an agent that is busy is no suspect."""
    return sum(_denials(rows, every._replace(code=code)) for code in SEVERITIES if code != _BUSY)


def _count(row: _Row, denial: Denial) -> None:
    row.data["denials"] += 1
    row.data["reason"] = denial.reason
    row.data["last_at"] = max(row.data["last_at"], denial.at)


def _row_at(rows: dict[_Key, _Row], key: _Key, denial: Denial) -> _Row:
    """The event of the key, begun with this denial if there is none yet."""
    row = rows.get(key)
    if row is None:
        data: dict[str, Any] = {"agent": key.agent, "hour": key.hour, "denials": 0, "last_at": denial.at}
        if key.code:
            data["code"] = key.code
        name = f"{key.server_id.hex} {key.agent} {key.hour} {key.code}"
        id_ = uuid7_named(datetime.fromisoformat(denial.at).timestamp(), name)
        row = rows[key] = _Row(id_, denial.at, data)
    return row


def _rows_of(denials: Iterable[Denial]) -> dict[_Key, _Row]:
    """The events that earlier steps have written of the same servers and hours."""
    hours = {denial.hour for denial in denials}
    if not hours:
        return {}
    first, last = (datetime.fromisoformat(hour) for hour in (min(hours), max(hours)))
    found = SecurityEvent.objects.filter(
        server_id__in={denial.server_id for denial in denials},
        kind__in=DERIVED,
        id__gte=uuid7_floor(first.timestamp()),
        id__lt=uuid7_floor((last + _HOUR).timestamp()),
    )
    rows = {}
    for id_, server_id, at, data in found.order_by().values_list("id", "server_id", "at", "data"):
        key = _Key(server_id, data["agent"], data["hour"], data.get("code", ""))
        rows[key] = _Row(id_, at.isoformat(), data)
    return rows


def _write(changed: dict[_Key, _Row]) -> None:
    rows = changed.values()
    kinds = [Kind.ACCESS_DENIED if key.code else Kind.SUSPICIOUS_CONNECTION for key in changed]
    columns = [
        uuid_array([row.id for row in rows]),
        uuid_array([key.server_id for key in changed]),
        text_array([kind.value for kind in kinds]),
        text_array([SEVERITIES.get(key.code, Severity.HIGH).value for key in changed]),
        text_array([row.text for row in rows]),
        text_array([json.dumps(row.data) for row in rows]),
        text_array([row.at for row in rows]),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)
