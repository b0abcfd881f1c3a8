"""Runs the sequencer and the followers in threads of a worker process; several processes share them out.

Every duty has a thread and a session of its own, so that one that hangs or breaks holds up no other.
"""

import random
import threading
import time
from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError, connection

from aim.ledger.duties import Duty, registered_duties
from aim.ledger.followers import Registered, Step, note_error, registered_followers, stop_follower, take_step
from aim.ledger.hints import APPENDED, SEQUENCED, Hint, listen
from aim.ledger.lease import Lease, Presence, Share
from aim.ledger.sequencer import Sequencer, newest_seq
from aim.ledger.tail import BATCH, Tail

log = structlog.get_logger("aim.ledger")

POLL_SECONDS = 0.5
LOOK_SECONDS = 2.0
"""How long a follower with nothing to do waits before it looks whether it has been restarted or set back."""
GAP_SECONDS, LONGEST_GAP_SECONDS = 0.03, 0.15
SHARE_SECONDS = 5.0
STANDBY_SECONDS = 1.0
TRIES = 5
"""So often a step of a single number may fail before the follower is stopped."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


class FollowerHost:
    """The threads of one process: all followers and duties, or those given.

    `patience` scales the pauses after errors.
    """

    def __init__(
        self,
        followers: list[Registered] | None = None,
        *,
        duties: list[Duty] | None = None,
        patience: float = 1.0,
    ) -> None:
        self._followers = registered_followers() if followers is None else followers
        self._duties = duties or [] if followers is not None or duties is not None else registered_duties()
        self._tail = Tail(_kinds(self._followers))
        self._share = Share(len(self._followers))
        self._patience = patience
        self._stop = threading.Event()
        self._hinted = threading.Event()
        self._sequencing = _Sequencing(self._stop, self._hinted, self._tail)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._run("sequencer", self._sequencing.run)
        self._run("hints", lambda: listen([APPENDED, SEQUENCED], self._hear, until=self._stop))
        for known in self._followers:
            self._run(known.name, _Following(known, self._stop, self._tail, self._share, self._patience).run)
        for known_duty in self._duties:
            self._run(known_duty.name, _Working(known_duty, self._stop).run)

    def stop(self, seconds: float = 10.0) -> None:
        """End all threads; what is under way is finished or rolled back."""
        self._stop.set()
        self._hinted.set()
        self._tail.close()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.01))

    def _hear(self, hint: Hint) -> None:
        if hint is APPENDED or not self._sequencing.leads:
            self._hinted.set()

    def _run(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=_connected, args=(work,), name=f"ledger {name}", daemon=True)
        thread.start()
        self._threads.append(thread)


def _connected(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connection.close()


def _kinds(followers: list[Registered]) -> frozenset[str] | None:
    if any(known.kinds is None for known in followers):
        return None
    return frozenset[str]().union(*(known.kinds or () for known in followers))


class _Working:
    """One duty that is done every few seconds, by whichever process holds it."""

    def __init__(self, duty: Duty, stop: threading.Event) -> None:
        self._duty = duty
        self._stop = stop
        self._lease = Lease(f"duty {duty.name}")

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._lease.take():
                    self._duty.work()
            except Exception:
                log.exception("duty_failed", duty=self._duty.name)
                connection.close()
            self._stop.wait(self._duty.seconds)


class _Sequencing:
    """Gives numbers where this process holds the duty, and looks for those that another gives where it does not."""

    def __init__(self, stop: threading.Event, hinted: threading.Event, tail: Tail) -> None:
        self._stop = stop
        self._hinted = hinted
        self._tail = tail
        self._lease = Lease("sequencer")
        self._presence = Presence()
        self._sequencer: Sequencer | None = None

    @property
    def leads(self) -> bool:
        return self._sequencer is not None

    def run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, entries must go on being sequenced
                log.warning("sequencer_failed", error=str(error) or type(error).__name__)
                connection.close()
                self._sequencer = None
                self._stop.wait(1.0)
            # The more there is, the more it takes at a time: each pass also looks again at the second before it.
            self._stop.wait(min(max(GAP_SECONDS, 15 * (time.monotonic() - began)), LONGEST_GAP_SECONDS))
            self._hinted.wait(POLL_SECONDS)
            self._hinted.clear()

    def _look(self) -> None:
        self._presence.show()
        if not self._lease.take():
            self._sequencer = None
            self._tail.rise(newest_seq())
            return
        if self._sequencer is None:
            log.info("sequencer_begins")
            self._tail.rise(newest_seq())
            self._sequencer = Sequencer(self._tell)
        self._sequencer.run()

    def _tell(self, newest: int) -> None:
        self._tail.rise(newest)
        SEQUENCED.touch()


class _Following:
    """One follower: step by step while it holds the duty, waiting in between, and back off when a step fails."""

    def __init__(self, known: Registered, stop: threading.Event, tail: Tail, share: Share, patience: float) -> None:
        self._known = known
        self._stop = stop
        self._tail = tail
        self._share = share
        self._patience = patience
        self._lease = Lease(f"follower {known.name}")
        self._presence = Presence()
        self._leads = False
        self._share_due = 0.0
        self._limit = BATCH
        self._failed = 0

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._has_duty():
                    self._step()
                else:
                    # Not all at once, so that duties spread.
                    self._stop.wait(STANDBY_SECONDS * (0.5 + random.random()))  # noqa: S311 - no secret
            except (OperationalError, InterfaceError) as error:
                # The database's trouble, not the follower's: it goes on when the database does.
                log.warning("follower_waits", follower=self._known.name, error=str(error))
                connection.close()
                self._stop.wait(1.0 * self._patience)
            except Exception as error:
                log.exception("follower_failed", follower=self._known.name)
                self._back_off(error)

    def _has_duty(self) -> bool:
        held = self._lease.take()
        if held != self._leads:
            self._leads = held
            (self._share.took if held else self._share.gave)()
        if held and time.monotonic() > self._share_due:
            self._share_due = time.monotonic() + SHARE_SECONDS
            if self._share.gives_one(self._presence.count()):
                self._leads = False
                self._lease.drop()
                self._stop.wait(2 * STANDBY_SECONDS)
                return False
        return held

    def _step(self) -> None:
        step = take_step(self._known, lambda after, erased_at: self._tail.read(after, erased_at, self._limit))
        if step.moved:
            self._failed, self._limit = 0, min(2 * self._limit, BATCH)
        self._rest(step)

    def _rest(self, step: Step) -> None:
        if step.moved is None:
            self._stop.wait(LOOK_SECONDS)
            return
        if step.moved < self._limit:
            self._stop.wait(max(GAP_SECONDS, self._known.pause))
        self._tail.wait(step.seq, LOOK_SECONDS)

    def _back_off(self, error: Exception) -> None:
        """Smaller steps until the one number is found that cannot be taken in; then stop: nothing is left out."""
        name = self._known.name
        text = f"{type(error).__name__}: {error}"
        self._failed = self._failed + 1 if self._limit == 1 else 0
        self._limit = max(self._limit // 10, 1)
        try:
            if self._failed >= TRIES:
                self._failed = 0
                stop_follower(name, error=text)
                log.error("follower_stopped", follower=name, error=text)
                return
            note_error(name, text)
        except (OperationalError, InterfaceError):
            connection.close()
        self._stop.wait(min(FIRST_PAUSE * 2**self._failed, LONGEST_PAUSE) * self._patience)
