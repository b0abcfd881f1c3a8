"""A long ledger of real entries, made by the product's own code without asking it each time."""

import struct
import time
from collections.abc import Iterable

from django.db import connection

from aim.crypto.signature_base import SignedMessage
from aim.ids import uuid7_bytes
from aim.ledger.sealing import seal
from aim.ledger.sequencer import Sequencer
from tests.factories.accounts import make_organization, make_person
from tests.verification.world import make_agent
from verification.approvals.rechecking import current_snapshot
from verification.contracts import Case, Origin
from verification.pipeline import Pipeline
from verification.records import build_row, later
from verification.registry import checks_in_order
from verification.requests import action_from

_BATCH = 10_000
_APART = 0.001
_VERIFICATIONS = (
    "COPY verification_verification (id, organization_id, agent_id, status, code, reason, action_type, resource,"
    " user_id, session_id, created_at, expires_at, duration_us, request_digest) FROM STDIN (FORMAT BINARY)"
)
_ENTRIES = (
    "COPY ledger_entry (id, organization_id, subject_id, recorded_at, body, disclosures, kind)"
    " FROM STDIN (FORMAT BINARY)"
)
_HEADER, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack("!h", -1)


def fill(entries: int) -> None:
    """So many decisions of one agent, a thousand a second up to now, in their places and sealed."""
    made = make_agent(make_person(make_organization()).actor)
    agent = current_snapshot(made.agent.id)
    assert agent is not None
    pipeline = Pipeline([check for check in checks_in_order() if check.asked_again])
    origin = Origin(SignedMessage("POST", "http", b"", b"/", b"", [], b""), "127.0.0.1", b"", "", 0)
    began = time.time() - entries * _APART - 1
    for first in range(0, entries, _BATCH):
        verifications, ledger = [], []
        for number in range(first, min(first + _BATCH, entries)):
            now = began + number * _APART
            request = action_from(
                {
                    "agent_id": agent.public_id,
                    "action_type": "file_read",
                    "resource": f"/app/config/settings-{number}.json",
                    "context": {"user_id": f"usr_{number % 997}", "session_id": f"sess_{number % 9973}"},
                }
            )
            row = build_row(
                verification_id=uuid7_bytes(now),
                agent=agent,
                request=request,
                origin=origin,
                decision=pipeline.decide(Case(request, agent, origin, now)),
                now=now,
                expires=later(now, 60),
                duration_us=900,
            )
            verifications.append(row.verification)
            ledger.append([*row.entry, b"verification.decided"])
        _copy(_VERIFICATIONS, verifications)
        _copy(_ENTRIES, ledger)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) verification_verification, ledger_entry")
    Sequencer().run()
    # The first seal makes the key, which is an entry of its own.
    seal()
    Sequencer().run()
    seal()


def _copy(statement: str, rows: Iterable[list[bytes | None]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for row in rows:
            parts = [struct.pack("!h", len(row))]
            for value in row:
                parts += [struct.pack("!i", -1)] if value is None else [struct.pack("!i", len(value)), value]
            copy.write(b"".join(parts))
        copy.write(_END)
