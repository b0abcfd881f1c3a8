"""Work that mostly waits for other people's servers: much of it at once, and none of it in anybody's way.

Every job has a thread of its own for as long as it takes, at most so many in each lane. Servers that failed last time
are in a lane of their own, so that those that hang wait for each other and for nobody else.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog
from django.db import connection

Job = TypeVar("Job")
Result = TypeVar("Result")
log = structlog.get_logger("aim.rounds")
_PAUSE = 0.2
_MOST_KEPT_AT_ONCE = 256


class Crew(Generic[Job]):
    """So many threads for jobs that somebody waits for. Whoever is through with one asks `following` for the next."""

    def __init__(
        self,
        name: str,
        *,
        size: int,
        work: Callable[[Job], object],
        following: Callable[[], Job | None] = lambda: None,
    ) -> None:
        self._name = name
        self._work = work
        self._following = following
        self._places = threading.BoundedSemaphore(size)

    def begin(self, job: Job) -> bool:
        """Begin the job; False where all are busy: it is for `following` to find, or to be offered again."""
        if not self._places.acquire(blocking=False):
            return False
        threading.Thread(target=self._do, args=(job,), name=f"{self._name}-crew", daemon=True).start()
        return True

    def _do(self, job: Job) -> None:
        following: Job | None = job
        try:
            while following is not None:
                try:
                    self._work(following)
                except Exception:
                    log.exception("crew_broke", crew=self._name)
                following = self._following()
        except Exception:
            # What waits is offered again by whoever keeps the jobs.
            log.exception("crew_left", crew=self._name)
        finally:
            connection.close()
            self._places.release()


class Rounds(Generic[Job, Result]):
    """`claim` takes what is due from the database, `work` does one job, `keep` writes what came of many.

    `claim` is told how many jobs each lane has room for, and answers jobs with their lanes; what it has claimed nobody
    else may get. `work` gets a thread without a database connection, and closes one that it opens.
    """

    def __init__(
        self,
        name: str,
        *,
        lanes: Mapping[str, int],
        claim: Callable[[Mapping[str, int]], Sequence[tuple[str, Job]]],
        work: Callable[[Job], Result],
        keep: Callable[[Sequence[Result]], None],
    ) -> None:
        self._name = name
        self._lanes = dict(lanes)
        self._claim = claim
        self._work = work
        self._keep = keep
        self._busy = dict.fromkeys(lanes, 0)
        self._done: SimpleQueue[tuple[str, list[Result]]] = SimpleQueue()
        self._feeding = threading.Lock()

    def wake(self) -> bool:
        """See to what is due, in a thread of its own; False where this process is at it already."""
        if not self._feeding.acquire(blocking=False):
            return False
        threading.Thread(target=self._feed_and_close, name=f"{self._name}-rounds", daemon=True).start()
        return True

    def run(self) -> None:
        """See to what is due, and return once nothing is: for commands and tests."""
        with self._feeding:
            self._feed()

    def _feed_and_close(self) -> None:
        try:
            self._feed()
        except Exception:
            # The next turn of beat begins anew; what was claimed comes round again.
            log.exception("rounds_broke", rounds=self._name)
        finally:
            connection.close()
            self._feeding.release()

    def _feed(self) -> None:
        while True:
            room = {lane: size - self._busy[lane] for lane, size in self._lanes.items()}
            jobs = self._claim(room) if any(room.values()) else []
            for lane, job in jobs:
                self._busy[lane] += 1
                threading.Thread(target=self._do, args=(lane, job), name=f"{self._name}-{lane}", daemon=True).start()
            ended, results = self._collect()
            if results:
                self._keep(results)
            # What has just ended makes room, which has not been offered yet.
            if not jobs and not ended and not any(self._busy.values()):
                return

    def _do(self, lane: str, job: Job) -> None:
        results: list[Result] = []
        try:
            results = [self._work(job)]
        except Exception:
            log.exception("round_broke", rounds=self._name)
        finally:
            self._done.put((lane, results))

    def _collect(self) -> tuple[int, list[Result]]:
        """How many jobs have ended and what came of them, as soon as any has; nothing after a short wait."""
        ended, found = 0, list[Result]()
        wait = _PAUSE if any(self._busy.values()) else 0.0
        while ended < _MOST_KEPT_AT_ONCE:
            try:
                lane, results = self._done.get(timeout=wait) if wait else self._done.get_nowait()
            except Empty:
                break
            self._busy[lane] -= 1
            ended += 1
            found += results
            wait = 0.0
        return ended, found
