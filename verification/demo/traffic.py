"""What the agents do next: by their part in the story, by the hour where they work, and by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from verification.demo.enlisting import Enlisted
from verification.demo.story import Act, Story

_STRAY = 0.06
_WRONG_SIGNATURE = 0.004
_FAILURE = 0.03
_FORGOTTEN = 0.02
_SESSION_LENGTH = 40
_NUMBERS = 400
_BUSY, _QUIET = 1.0, 0.15
_OFFICE = range(8, 18)
_EVENING, _MORNING = 20, 6
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One action of one agent, to be asked for; `spoil` breaks its signature on the way."""

    agent: Enlisted
    act: Act
    action: dict[str, Any]
    spoil: bool


@dataclass(slots=True)
class _Session:
    number: int
    left: int


class Traffic:
    """An endless supply of steps, the same for the same random numbers and times."""

    def __init__(self, story: Story, agents: Sequence[Enlisted], *, random: Random) -> None:
        self._story = story
        self._agents = agents
        self._random = random
        self._zone = ZoneInfo(story.timezone)
        self._sessions: dict[str, _Session] = {}

    def next_step(self, now: datetime) -> Step:
        """Some agent's next action. The busier its hours, the likelier it is the one."""
        local = now.astimezone(self._zone)
        weights = [agent.story.share * _busy(agent.story.hours, local) for agent in self._agents]
        return self.step_of(self._random.choices(self._agents, weights)[0], now)

    def step_of(self, agent: Enlisted, now: datetime) -> Step:
        """The next action of this agent: its work as a rule, now and then something that goes wrong."""
        story = agent.story
        stray = not story.work or (bool(story.strays) and self._random.random() < _STRAY)
        acts = story.strays if stray else story.work
        act = self._random.choices(acts, [act.weight for act in acts])[0]
        spoil = agent.signer is not None and self._random.random() < _WRONG_SIGNATURE
        return Step(agent, act, self.action(agent, act, now), spoil)

    def action(self, agent: Enlisted, act: Act, now: datetime) -> dict[str, Any]:
        """The body of the request, but for the agent's id."""
        data: dict[str, Any] = {"bytes": self._random.randint(*act.bytes)}
        if act.destination is not None:
            data["destination"] = act.destination
        return {
            "action_type": act.action,
            "resource": self._filled(self._random.choice(act.resources), now),
            "context": {
                "user_id": self._random.choice(agent.users),
                "session_id": self._session_of(agent),
                "timestamp": now.isoformat(timespec="milliseconds"),
            },
            "data": data,
        }

    def report(self, step: Step) -> dict[str, Any] | None:
        """What is reported of an approved step; None where the agent forgets to."""
        if self._random.random() < _FORGOTTEN:
            return None
        duration = self._random.randint(*step.act.ms)
        if self._random.random() < _FAILURE:
            return {"status": "failure", "duration_ms": duration, "error": "The other side did not answer in time."}
        return {"status": "success", "duration_ms": duration, "bytes": step.action["data"]["bytes"]}

    def _filled(self, resource: str, now: datetime) -> str:
        service = self._random.choice(self._story.services)
        number = str(self._random.randint(1, _NUMBERS))
        return resource.replace("{service}", service).replace("{n}", number).replace("{day}", now.date().isoformat())

    def _session_of(self, agent: Enlisted) -> str:
        session = self._sessions.get(agent.agent_id)
        if session is None or session.left == 0:
            session = _Session(self._random.getrandbits(48), self._random.randint(1, _SESSION_LENGTH))
            self._sessions[agent.agent_id] = session
        session.left -= 1
        return f"sess_{session.number:012x}"


def _busy(hours: str, local: datetime) -> float:
    """How busy an agent is at a local time, 1 for most."""
    match hours:
        case "office":
            return _BUSY if local.hour in _OFFICE and local.weekday() < _SATURDAY else _QUIET
        case "night":
            return _BUSY if local.hour >= _EVENING or local.hour < _MORNING else _QUIET
        case _:
            return _BUSY
