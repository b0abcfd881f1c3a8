"""Reads what happened from the ledger, in its final order, by one connection of the event loop."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from verification.live.events import NAMES, Happening, Missed, Shown
from verification.writer.settings import conninfo

_NEWEST = "SELECT coalesce(max(seq), -1) FROM ledger_leaf"
_FROM = """
FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id
JOIN verification_verification v ON v.id = CASE WHEN e.kind = 'verification.decided' THEN e.id ELSE e.subject_id END
"""
_WHERE = """
WHERE l.seq > %s AND l.seq <= %s AND e.kind = ANY (%s)
AND e.organization_id = ANY (%s) AND v.organization_id = e.organization_id
"""
_READ: LiteralString = (
    """
SELECT l.seq, e.kind, v.id, v.organization_id, v.agent_id, a.display_name, v.status, v.code, v.reason, v.action_type,
    v.resource, v.user_id, v.session_id, v.created_at, v.expires_at, v.duration_us, c.status, c.duration_ms
"""
    + _FROM
    + """
LEFT JOIN agents_agent a ON a.id = v.agent_id LEFT JOIN verification_completion c ON c.verification_id = v.id
"""
    + _WHERE
    + " ORDER BY l.seq"
)
_COUNT: LiteralString = (
    "SELECT e.organization_id, v.agent_id, v.status, v.action_type, e.kind = 'verification.decided', count(*)"
    + _FROM
    + _WHERE
    + " GROUP BY 1, 2, 3, 4, 5"
)
_KINDS = list(NAMES)
# Only ever a short stretch of the order is read: joins of whole tables are what must not happen while they are new.
_PLANS = "-c enable_hashjoin=off -c enable_mergejoin=off"


class ActivityLog:
    """Raises `psycopg.Error`, `TimeoutError`, `OSError` when the database does not answer; the next call tries anew."""

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def newest(self) -> int:
        newest: int = (await self._ask(_NEWEST))[0][0]
        return newest

    async def read(self, after: int, upto: int, organizations: Iterable[UUID]) -> list[Happening]:
        """What happened in these organizations, after the first number up to the second."""
        rows = await self._ask(_READ, after, upto, _KINDS, list(organizations))
        return [Happening(Shown(*row)) for row in rows]

    async def count(self, after: int, upto: int, organizations: Iterable[UUID]) -> list[Missed]:
        """How much happened, without what."""
        return [Missed(*row) for row in await self._ask(_COUNT, after, upto, _KINDS, list(organizations))]

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, statement: LiteralString, *values: object) -> Sequence[Any]:
        async with self._lock:
            try:
                async with asyncio.timeout(3):
                    if self._connection is None or self._connection.closed:
                        self._connection = await psycopg.AsyncConnection.connect(
                            conninfo(_PLANS, name="aim-live"), autocommit=True
                        )
                    cursor = await self._connection.execute(statement, values, prepare=True)
                    return await cursor.fetchall()
            except BaseException:
                await self.close()
                raise
