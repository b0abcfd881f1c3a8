"""Whether limits stay exact while several web processes decide for the same agents at once."""

import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg

from tests.bench.agents import read_agents
from tests.bench.rounds import Length, run_client
from tests.bench.servers import Stores, Subject

_HOUR = 3600
_RUN_SECONDS = 20
_APPROVED = """
    SELECT count(*) FROM verification_verification
    WHERE agent_id = ANY(%s::uuid[]) AND status = 'approved' GROUP BY agent_id
"""


class Exactness(msgspec.Struct, frozen=True):
    """How many approvals `agents` agents got at a limit of `limit` an hour each, by the answers and by the records."""

    agents: int
    limit: int
    asked: int
    statuses: dict[str, int]
    recorded: list[int]

    @property
    def met(self) -> bool:
        return (
            self.statuses.get("200", 0) == self.agents * self.limit
            and set(self.statuses) <= {"200", "429"}
            and self.recorded == [self.limit] * self.agents
        )


def measure_exactness(subject: Subject, *, stores: Stores, agents: Path, limit: int) -> Exactness:
    """Ask twice as often as each agent may, with all agents in turn over 64 connections."""
    known = read_agents(agents)
    _avoid_the_full_hour()
    length = Length(rounds=1, seconds=_RUN_SECONDS, count=2 * limit * len(known))
    outcome = run_client(subject, connections=64, length=length, agents=agents)
    with psycopg.connect(stores.database_url) as connection:
        ids = [agent.agent_id.removeprefix("agt_") for agent in known]
        recorded = [row[0] for row in connection.execute(_APPROVED, [ids])]
    return Exactness(
        agents=len(known), limit=limit, asked=outcome.answered, statuses=outcome.statuses, recorded=recorded
    )


def _avoid_the_full_hour() -> None:
    """Limits are counted by the clock's hour: a run across it may rightly approve twice as much."""
    left = _HOUR - datetime.now(UTC).timestamp() % _HOUR
    if left < 2 * _RUN_SECONDS:
        time.sleep(left + 1)
