"""Triggers of a superuser that make PostgreSQL itself pause or fail in the middle of a decision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.chaos.agents import Agent

PAUSE_SECONDS = 0.4


@dataclass(frozen=True)
class Place:
    """A table that a decision writes to, with the command it does so by, or at the commit of what it has written."""

    name: str
    table: str
    command: str = "INSERT"
    agent_column: str = "agent_id"
    at_commit: bool = False


VERIFICATION = Place("row", "verification_verification")
ENTRY = Place("entry", "ledger_entry", agent_column="subject_id")
NONCE = Place("nonce", "verification_nonce")
COUNTER = Place("counter", "agents_agentruntime", "UPDATE")
COMMIT = Place("commit", "verification_nonce", at_commit=True)
PLACES = (COUNTER, NONCE, VERIFICATION, ENTRY, COMMIT)


@contextmanager
def paused(connection: psycopg.Connection[Any], place: Place, agent: Agent) -> Iterator[Callable[[], bool]]:
    """Let decisions of the agent sleep right after that statement, or right before the commit.

    Yields whether one sleeps there right now.
    """
    with _trigger(connection, place, agent, f"PERFORM pg_sleep({PAUSE_SECONDS});"):
        yield lambda: _sleeps(connection)


@contextmanager
def failing(
    connection: psycopg.Connection[Any], place: Place, agent: Agent, *, sqlstate: str, times: int | None = None
) -> Iterator[Callable[[], int]]:
    """Let decisions of the agent fail with this SQLSTATE, always or the first `times`. Yields the count of tries."""
    # A sequence counts on through every rollback.
    connection.execute("CREATE SEQUENCE chaos_tries; GRANT USAGE ON SEQUENCE chaos_tries TO aim")
    condition = f"nextval('chaos_tries') <= {2**40 if times is None else times}"
    try:
        body = f"IF {condition} THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '{sqlstate}'; END IF;"
        with _trigger(connection, place, agent, body):
            yield lambda: _tries(connection)
    finally:
        connection.execute("DROP SEQUENCE chaos_tries")


@contextmanager
def slowed(connection: psycopg.Connection[Any], table: str) -> Iterator[Callable[[], bool]]:
    """Let whoever has inserted into or updated the table sleep right after it. Yields whether one sleeps right now."""
    connection.execute(
        "CREATE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_sleep({PAUSE_SECONDS}); RETURN NULL; END $$"
    )
    try:
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER chaos_slow AFTER INSERT OR UPDATE ON {}"
                " FOR EACH STATEMENT EXECUTE FUNCTION chaos_slow()"
            ).format(sql.Identifier(table))
        )
        yield lambda: _sleeps(connection)
    finally:
        connection.execute("DROP FUNCTION chaos_slow CASCADE")


def _sleeps(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone()
    return bool(row and row[0])


def _tries(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM chaos_tries").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _trigger(connection: psycopg.Connection[Any], place: Place, agent: Agent, body: str) -> Iterator[None]:
    condition = f"NEW.{place.agent_column} = '{agent.id[4:]}'"
    connection.execute(
        "CREATE FUNCTION chaos() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN {body} END IF; RETURN NULL; END $$"
    )
    kind = "CONSTRAINT TRIGGER" if place.at_commit else "TRIGGER"
    when = "DEFERRABLE INITIALLY DEFERRED" if place.at_commit else ""
    try:
        connection.execute(
            sql.SQL("CREATE {} chaos AFTER {} ON {} {} FOR EACH ROW EXECUTE FUNCTION chaos()").format(
                sql.SQL(kind), sql.SQL(place.command), sql.Identifier(place.table), sql.SQL(when)
            )
        )
        yield
    finally:
        connection.execute("DROP FUNCTION chaos CASCADE")
