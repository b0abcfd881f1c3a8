"""Who waits for whom: finds the circles in which agents wait for each other's word. Pure.

An agent is stuck while a request of its own can only be met by agents that are stuck themselves. What a person could
decide is no deadlock, and neither is what nobody at all could: that one expires.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Wait:
    """One requirement of one pending request: `missing` more of `voters`, who have said nothing yet, must agree."""

    approval_id: UUID
    agent_id: UUID
    missing: int
    voters: frozenset[UUID]


def find_circles(waits: Sequence[Wait]) -> list[list[Wait]]:
    """Each circle of waits once; every wait is by the agent that the wait before it needs."""
    stuck = _stuck(waits)
    seen: set[UUID] = set()
    return [circle for start in sorted(stuck) if (circle := _circle_from(start, stuck, seen))]


def _stuck(waits: Sequence[Wait]) -> dict[UUID, Wait]:
    """The agents that nobody outside can free, each with the request it is stuck on."""
    stuck = {wait.agent_id for wait in waits}
    while True:
        still: dict[UUID, Wait] = {}
        for wait in sorted(waits, key=lambda wait: wait.approval_id):
            free = len(wait.voters - stuck)
            if free < wait.missing and wait.voters & stuck:
                still.setdefault(wait.agent_id, wait)
        if still.keys() == stuck:
            return still
        stuck = set(still)


def _circle_from(start: UUID, stuck: Mapping[UUID, Wait], seen: set[UUID]) -> list[Wait]:
    """Walk along the waits until an agent comes again. Every stuck agent needs a stuck one, so the walk ends there."""
    path: list[UUID] = []
    agent = start
    while agent not in path:
        if agent in seen:
            # It leads into a circle that is known, or it is one of its agents.
            return []
        seen.add(agent)
        path.append(agent)
        agent = min(stuck[agent].voters & stuck.keys())
    return [stuck[one] for one in path[path.index(agent) :]]
