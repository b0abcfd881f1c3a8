"""The snapshots one process holds: found by API key, replaced when the database says that they are out of date.

A snapshot may be stale at any time; that is harmless, because a decision made from it is only committed while its
epoch is the current one.
"""

import asyncio
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from verification.behaviour.live import read_profile
from verification.mcp_servers import LOAD_SERVERS, ServerBook, compile_servers
from verification.policies.book import LOAD_BOOK
from verification.policies.compiled import PolicyBook, compile_book
from verification.snapshot import FIND_BY_KEY, LOAD_BY_AGENT, AgentSnapshot, snapshot_from_row
from verification.writer.errors import ConnectionLostError

MAX_AGENTS = 50_000
MAX_BOOKS = 5_000
_PROFILES = 100
"""So many are read at once: reading one takes some 20 µs of the loop that decisions are made on."""
NEWER_BEHAVIOUR: LiteralString = """
SELECT p.agent_id, p.version, p.profile::text AS profile
FROM unnest(%s::uuid[], %s::bigint[]) AS held (agent_id, version)
JOIN verification_behaviourprofile p USING (agent_id) WHERE p.version <> held.version
"""


class SnapshotStore:
    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._lock = asyncio.Lock()
        self._by_agent: dict[bytes, AgentSnapshot] = {}
        self._by_key: dict[bytes, bytes] = {}
        self._books: dict[UUID, PolicyBook] = {}
        self._servers: dict[UUID, ServerBook] = {}
        self._loading: dict[bytes, asyncio.Task[AgentSnapshot | None]] = {}

    def known(self, key_digest: bytes) -> AgentSnapshot | None:
        """The snapshot of the agent with this API key, if this process holds it."""
        agent_id = self._by_key.get(key_digest)
        return None if agent_id is None else self._by_agent.get(agent_id)

    def is_current(self, snapshot: AgentSnapshot) -> bool:
        """Whether this process holds nothing newer."""
        return self._by_agent.get(snapshot.agent_id) is snapshot

    async def find(self, key_digest: bytes) -> AgentSnapshot | None:
        """The snapshot of the agent with this API key, read when it is not held; raises `ConnectionLostError`."""
        if (snapshot := self.known(key_digest)) is not None:
            return snapshot
        task = self._loading.get(key_digest)
        if task is None:
            # One read for all who wait for the same key.
            task = asyncio.get_running_loop().create_task(self._find(key_digest))
            self._loading[key_digest] = task
            task.add_done_callback(lambda _: self._loading.pop(key_digest, None))
        return await asyncio.shield(task)

    async def reload(self, agent_id: bytes) -> AgentSnapshot | None:
        """Read an agent anew and hold what was read; None when it no longer exists."""
        rows = await self.query(LOAD_BY_AGENT, UUID(bytes=agent_id))
        snapshot = None
        if rows:
            snapshot = snapshot_from_row(rows[0], await self._book(rows[0]), await self._servers_of(rows[0]))
        self._replace(agent_id, snapshot)
        return snapshot

    async def _book(self, row: dict[str, Any]) -> PolicyBook | None:
        """The policies of the agent's organization, compiled once for all its agents.

        They may be newer than the row: then the epoch was raised with them, and no decision from the row is committed.
        """
        organization, generation = row["organization_id"], row["policy_generation"]
        if not generation:
            return None
        held = self._books.pop(organization, None)
        if held is None or held.generation != generation:
            rows = await self.query(LOAD_BOOK, organization)
            held = compile_book(rows[0]) if rows else None
        if held is not None:
            # The one that was not asked for the longest stands first.
            self._books[organization] = held
            if len(self._books) > MAX_BOOKS:
                del self._books[next(iter(self._books))]
        return held

    async def _servers_of(self, row: dict[str, Any]) -> ServerBook | None:
        """The MCP servers of the agent's organization, in the same way."""
        organization, generation = row["organization_id"], row["servers_generation"]
        if not generation:
            return None
        held = self._servers.pop(organization, None)
        if held is None or held.generation != generation:
            rows = await self.query(LOAD_SERVERS, organization)
            held = compile_servers(rows[0]) if rows else None
        if held is not None:
            self._servers[organization] = held
            if len(self._servers) > MAX_BOOKS:
                del self._servers[next(iter(self._servers))]
        return held

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _find(self, key_digest: bytes) -> AgentSnapshot | None:
        rows = await self.query(FIND_BY_KEY, key_digest)
        return await self.reload(rows[0]["agent_id"].bytes) if rows else None

    async def refresh_behaviour(self) -> None:
        """Bring the profiles of agents that have asked lately up to date; raises `ConnectionLostError`.

        They change with nearly every action and raise no epoch: a few seconds of delay do no harm.
        """
        asked = {agent_id: held.behaviour for agent_id, held in self._by_agent.items() if held.behaviour.asked}
        for behaviour in asked.values():
            behaviour.asked = False
        agents = list(asked)
        for first in range(0, len(agents), _PROFILES):
            some = agents[first : first + _PROFILES]
            versions = [asked[agent_id].version for agent_id in some]
            rows = await self.query(NEWER_BEHAVIOUR, [UUID(bytes=agent_id) for agent_id in some], versions)
            for row in rows:
                asked[row["agent_id"].bytes].replace(read_profile(row["profile"]), row["version"])

    def _replace(self, agent_id: bytes, snapshot: AgentSnapshot | None) -> None:
        old = self._by_agent.pop(agent_id, None)
        if old is not None and snapshot is not None:
            snapshot.behaviour.recent = old.behaviour.recent
        for digest in old.api_keys if old else ():
            self._by_key.pop(digest, None)
        if snapshot is None:
            return
        while len(self._by_agent) >= MAX_AGENTS:
            self._replace(next(iter(self._by_agent)), None)
        self._by_agent[agent_id] = snapshot
        for digest in snapshot.api_keys:
            self._by_key[digest] = agent_id

    async def query(self, statement: LiteralString, *values: object) -> list[dict[str, Any]]:
        """Read by the connection of the snapshots; raises `ConnectionLostError` when it does not answer in time."""
        async with self._lock:
            try:
                async with asyncio.timeout(1.5):
                    reused = self._connection is not None and not self._connection.closed
                    try:
                        return await self._ask(statement, values)
                    except psycopg.OperationalError:
                        # A connection that lay idle may have ended unnoticed. Reading twice does no harm.
                        if not reused:
                            raise
                        await self._drop()
                        return await self._ask(statement, values)
            except (psycopg.Error, TimeoutError, OSError) as error:
                await self._drop()
                raise ConnectionLostError(str(error) or type(error).__name__) from error

    async def _ask(self, statement: LiteralString, values: tuple[object, ...]) -> list[dict[str, Any]]:
        connection = self._connection
        if connection is None or connection.closed:
            connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, row_factory=dict_row)
            self._connection = connection
        cursor = await connection.execute(statement, values, prepare=True)
        return await cursor.fetchall()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
