"""Lets the demonstration's agents ask and report, a few requests a second, for as long as it is not stopped."""

import heapq
import http.client
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random

from aim import clock
from verification.demo.caller import Caller, Reply
from verification.demo.traffic import Step, Traffic

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
_BURST = 0.003
_BURST_LENGTH = 15
_BURST_GAP = 0.1
_LONGEST_GAP = 4.0
_SERVER_ERROR = 500


class Driver:
    """Works off what is due. `limit` ends it after so many requests, which then follow each other at once."""

    def __init__(
        self,
        traffic: Traffic,
        caller: Caller,
        *,
        rate: float,
        limit: int | None,
        random: Random,
        say: Callable[[str], None],
    ) -> None:
        self._traffic = traffic
        self._caller = caller
        self._rate = rate
        self._left = limit
        self._random = random
        self._say = say
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], Reply]]] = []
        self._pause = FIRST_PAUSE
        self._failing = False
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        """Returns only with a limit; otherwise an exception, as of a signal, ends it."""
        self._plan(0, self._ask_next)
        while self._due:
            at, _, work = heapq.heappop(self._due)
            if self._left is None:
                time.sleep(max(0.0, at - time.monotonic()))
            self._carry_out(work)

    def _plan(self, seconds: float, work: Callable[[], Reply]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), work))

    def _carry_out(self, work: Callable[[], Reply]) -> None:
        """Whatever the server does, the next request comes; while it fails, later and later."""
        try:
            reply = work()
        except (OSError, http.client.HTTPException) as error:
            self._back_off(f"no answer ({error or type(error).__name__})")
            return
        if _is_trouble(reply):
            self._back_off(f"answer {reply.status}")
            return
        if self._failing:
            self._say("The product answers again.")
        self._failing, self._pause = False, FIRST_PAUSE

    def _back_off(self, what: str) -> None:
        self.outcomes["unanswered"] += 1
        if not self._failing:
            self._say(f"The product gives {what}; trying again after a pause.")
        self._failing = True
        time.sleep(self._pause if self._left is None else 0)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    def _ask_next(self) -> Reply:
        if self._left is not None:
            self._left -= 1
        # Planned before it is carried out, so that no failure can end the traffic.
        if self._left is None or self._left > 0:
            self._plan(min(_LONGEST_GAP, self._random.expovariate(self._rate)), self._ask_next)
        step = self._traffic.next_step(clock.now())
        if self._left is None and self._random.random() < _BURST:
            for number in range(1, _BURST_LENGTH):
                again = self._traffic.step_of(step.agent, clock.now())
                self._plan(number * _BURST_GAP, lambda again=again: self._ask(again))  # type: ignore[misc]
        return self._ask(step)

    def _ask(self, step: Step) -> Reply:
        reply = self._caller.ask(step.agent, step.action, spoil=step.spoil)
        if not _is_trouble(reply):
            self.outcomes[str(reply.body.get("code") or reply.body.get("status"))] += 1
        if reply.body.get("approved") is True:
            report = self._traffic.report(step)
            if report is not None:
                verification_id = str(reply.body["verification_id"])
                self._plan(
                    report["duration_ms"] / 1000, lambda: self._caller.report(step.agent, verification_id, report)
                )
        return reply


def _is_trouble(reply: Reply) -> bool:
    """Whether the server failed, or something else answered in its place."""
    return reply.status >= _SERVER_ERROR or not reply.body
