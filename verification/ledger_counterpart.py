"""What an audit of the ledger compares here: the rows of decisions and of reports say what their entries say."""

from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection

from aim.canonical import canonical_json
from aim.clock import show_time
from aim.ledger.audit.findings import Audited, Finding, register_counterpart
from aim.ledger.events import Event
from verification.models import Completion, Verification

_STRETCH = 5_000
_STRAY = {
    "verification": "SELECT id FROM verification_verification v WHERE NOT EXISTS"
    " (SELECT FROM ledger_entry e WHERE e.id = v.id) ORDER BY id LIMIT 1000",
    "completion": "SELECT verification_id FROM verification_completion c WHERE NOT EXISTS"
    " (SELECT FROM ledger_entry e WHERE e.subject_id = c.verification_id AND e.kind = 'verification.completed')"
    " AND EXISTS (SELECT FROM ledger_entry e WHERE e.id = c.verification_id) ORDER BY 1 LIMIT 1000",
}
Columns = dict[str, object]


class DecisionRows:
    """A decision that waited for people is compared at the end, with what the last of its entries says."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, Columns] = {}

    def compare(self, entries: Collection[Audited]) -> Iterator[Finding]:
        expected: dict[UUID, Columns] = {}
        reports: dict[UUID, Columns] = {}
        for entry in entries:
            match entry.kind:
                case Event.VERIFICATION_DECIDED:
                    columns = _columns_of(entry)
                    (self._waiting if columns["status"] == "pending" else expected)[entry.id] = columns
                case Event.VERIFICATION_COMPLETED:
                    reports[UUID(entry.body["subject"]["id"])] = _report_of(entry)
                case _:
                    self._settle(entry.body)
        yield from _compare_decisions(expected)
        yield from _compare_reports(reports)

    def finish(self, erased: Collection[UUID]) -> Iterable[Finding]:  # noqa: ARG002 - the entries tell it as well
        waiting = list(self._waiting.items())
        for start in range(0, len(waiting), _STRETCH):
            yield from _compare_decisions(dict(waiting[start : start + _STRETCH]))
        for what, statement in _STRAY.items():
            with connection.cursor() as cursor:
                cursor.execute(statement)
                stray = cursor.fetchall()
            for (row_id,) in stray:
                yield Finding("row_without_entry", f"{what} {row_id}", "the ledger has no such entry")

    def _settle(self, body: dict[str, Any]) -> None:
        """An entry about a waiting decision says what its columns hold from then on."""
        decision, subject = body["data"].get("decision"), body["subject"].get("id")
        if not isinstance(decision, dict) or not isinstance(subject, str) or len(subject) != 32:  # noqa: PLR2004 - hex
            return
        columns = self._waiting.get(UUID(subject))
        if columns is not None:
            columns |= {
                "status": decision["status"],
                "code": decision["code"],
                "expires_at": decision["expires_at"],
                "reason": body["data"].get("reason") or "",
            }


def _columns_of(entry: Audited) -> Columns:
    body, data = entry.body, entry.body["data"]
    action, decision, context = data["action"], data["decision"], data["context"] or {}
    return {
        "organization_id": body["organization"],
        "agent_id": body["actor"]["id"],
        "status": decision["status"],
        "code": decision["code"],
        "reason": decision["reason"],
        "action_type": action["action_type"],
        "resource": action["resource"] or "",
        "user_id": context.get("user_id") or "",
        "session_id": context.get("session_id") or "",
        "created_at": body["at"],
        "expires_at": decision["expires_at"],
        "duration_us": decision["duration_us"],
        "request_digest": _digest_of(body),
    }


def _digest_of(body: dict[str, Any]) -> str:
    """The digest of what was asked for; it was blotted out together with the action."""
    if body["v"] == 1:
        digest: str = body["data"]["request_digest"]
        return digest
    action = body["data"]["action"]
    return "" if action["resource"] is None else sha256(canonical_json(action)).hexdigest()


def _report_of(entry: Audited) -> Columns:
    report = entry.body["data"]["report"]
    error = report["error"] if "error" in report else entry.body["data"]["error"] or ""
    return {
        "agent_id": entry.body["actor"]["id"],
        "error": error,
        **{name: report[name] for name in ("status", "duration_ms", "bytes", "records")},
    }


def _compare_decisions(expected: dict[UUID, Columns]) -> Iterator[Finding]:
    rows = Verification.objects.in_bulk(list(expected)) if expected else {}
    for row_id, columns in expected.items():
        row = rows.get(row_id)
        if row is None:
            yield Finding("row_missing", f"verification {row_id}", "its entry is in the ledger, the row is gone")
            continue
        found: Columns = {
            **{name: getattr(row, name) for name in columns},
            "organization_id": row.organization_id.hex,
            "agent_id": row.agent_id.hex,
            "created_at": show_time(row.created_at),
            "expires_at": show_time(row.expires_at) if row.expires_at else None,
            "request_digest": bytes(row.request_digest).hex(),
        }
        if row.created_at.microsecond % 1000:
            found["created_at"] = row.created_at.isoformat()
        yield from _differences(f"verification {row_id}", found, columns)


def _compare_reports(expected: dict[UUID, Columns]) -> Iterator[Finding]:
    rows = Completion.objects.in_bulk(list(expected)) if expected else {}
    for row_id, columns in expected.items():
        row = rows.get(row_id)
        if row is None:
            yield Finding("row_missing", f"completion {row_id}", "its entry is in the ledger, the row is gone")
            continue
        found = {name: getattr(row, name) for name in columns} | {"agent_id": row.agent_id.hex}
        yield from _differences(f"completion {row_id}", found, columns)


def _differences(record: str, found: Columns, sealed: Columns) -> Iterator[Finding]:
    for name, value in sealed.items():
        if found[name] != value:
            yield Finding("row_altered", record, f"{name} is {found[name]!r}, sealed is {value!r}")


register_counterpart(DecisionRows)
