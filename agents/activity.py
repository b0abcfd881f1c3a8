"""What the rooms above know of agents' doings. The registry shows it without knowing them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.contracts import Actor


@dataclass(frozen=True, slots=True)
class Activity:
    """`calls`, `denied` and `course` (calls an hour, oldest first) are of the last 24 hours; None is "not measured"."""

    last_call: datetime | None = None
    calls: int | None = None
    denied: int | None = None
    course: tuple[int, ...] | None = None


NOTHING = Activity()
Source = Callable[[Actor, Sequence[UUID]], Mapping[UUID, Activity]]
_sources: list[Source] = []


def register_activity(source: Source) -> Source:
    """For the one room that decides: a function of the actor and a page of agent ids, in a fixed number of queries."""
    if _sources:
        raise ValueError("Activity has a source already")
    _sources.append(source)
    return source


def activity_of(actor: Actor, agent_ids: Sequence[UUID]) -> Mapping[UUID, Activity]:
    """What is known of each of the agents; those of which nothing is known are left out."""
    return _sources[0](actor, agent_ids) if _sources and agent_ids else {}
