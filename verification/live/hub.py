"""Tells the sockets of this process what happens: one reader for all of them, which runs as long as there are any."""

import asyncio
import contextlib
import threading
from typing import NamedTuple

import psycopg
import structlog

from accounts.listening import BROKEN
from aim.ledger.hints import SEQUENCED, Hint, listen
from verification.live.channel import Channel, Wish
from verification.live.events import Frame, Happening, Missed, make_frame
from verification.live.log import ActivityLog
from verification.live.seats import SocketSeat
from verification.live.watch import Watch

log = structlog.get_logger("aim.live")

POLL_SECONDS = 0.5
GAP_SECONDS, CROWDED_GAP_SECONDS, CROWD = 0.05, 0.25, 50
MOST_READ = 1_000
MOST_BEHIND = 4_000
MOST_BACK = 100_000
"""Further back nobody is brought up to date: reading the list again is quicker."""
MOST_TOLD_AGAIN = 1_000
PER_FRAME = 50
MOST_SOCKETS = 1_000
MOST_OF_ONE_PERSON = 25


class FullError(Exception):
    """No more sockets here, or of this person."""


class _Joining(NamedTuple):
    wish: Wish
    seat: SocketSeat
    after: int | None
    joined: asyncio.Future[int]


class Hub:
    """All of it on the event loop of the process."""

    def __init__(self) -> None:
        self._seats: set[SocketSeat] = set()
        self._channels: dict[Wish, Channel] = {}
        self._joining: list[_Joining] = []
        self._hinted = asyncio.Event()
        self._log = ActivityLog()
        self._position: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def join(self, wish: Wish, seat: SocketSeat, after: int | None) -> int:
        """Everything after the number that is answered will be pushed to the seat. Raises `FullError`.

        It is never before `after`, unless that is a number which does not exist.
        """
        of_person = sum(other.actor.id == seat.actor.id for other in self._seats)
        if len(self._seats) >= MOST_SOCKETS or of_person >= MOST_OF_ONE_PERSON:
            raise FullError
        self._seats.add(seat)
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._run())
        joining = _Joining(wish, seat, after, loop.create_future())
        self._joining.append(joining)
        self._hinted.set()
        try:
            return await joining.joined
        except BaseException:
            self.leave(wish, seat)
            raise

    def leave(self, wish: Wish, seat: SocketSeat) -> None:
        self._seats.discard(seat)
        channel = self._channels.get(wish)
        if channel is not None:
            channel.seats.discard(seat)
            if not channel.seats:
                del self._channels[wish]

    async def missed_by(self, wish: Wish, after: int, start: int) -> list[Frame]:
        """What happened after the first number, up to the second.

        The newest thousand happenings are told one by one; those before them are counted as skipped.
        """
        found: list[Happening] = []
        floor = start
        while floor > after and len(found) < MOST_TOLD_AGAIN:
            floor, upto = max(after, floor - MOST_READ), floor
            found = wish.pick(await self._log.read(floor, upto, [wish.organization_id])) + found
        skipped = max(len(found) - MOST_TOLD_AGAIN, 0)
        found = found[skipped:]
        if floor > after:
            skipped += wish.count(await self._log.count(after, floor, [wish.organization_id]))
        pieces = [found[place : place + PER_FRAME] for place in range(0, len(found), PER_FRAME)] or [[]]
        cursors = [piece[-1].shown.seq for piece in pieces[:-1]] + [start]
        return [
            make_frame(cursor, piece, skipped=skipped if piece is pieces[0] else 0)
            for cursor, piece in zip(cursors, pieces, strict=True)
            if piece or skipped
        ]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        log_of_run = self._log = ActivityLog()
        over = threading.Event()
        self._position = None

        def hear(_hint: Hint) -> None:
            # The loop may have ended with the process.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hinted.set)

        hearing = {"target": listen, "args": ([SEQUENCED], hear), "kwargs": {"until": over}}
        threading.Thread(**hearing, name="live hints", daemon=True).start()  # type: ignore[arg-type]
        watching = loop.create_task(Watch(self._seats).run())
        try:
            while self._seats:
                await self._turn()
        except Exception:
            log.exception("activity_broke")
            for seat in self._seats:
                seat.end(BROKEN)
            for joining in self._joining:
                joining.joined.cancel()
            self._joining = []
        finally:
            # From here on a new socket begins a new run.
            self._task = None
            over.set()
            watching.cancel()
            await log_of_run.close()

    async def _turn(self) -> None:
        try:
            is_behind = await self._read()
        except (psycopg.Error, TimeoutError, OSError) as error:
            log.warning("activity_not_read", error=str(error) or type(error).__name__)
            await asyncio.sleep(1.0)
            return
        await asyncio.sleep(CROWDED_GAP_SECONDS if len(self._seats) > CROWD else GAP_SECONDS)
        if not is_behind:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hinted.wait(), POLL_SECONDS)
            self._hinted.clear()

    async def _read(self) -> bool:
        """One step; whether there is more."""
        channels = list(self._channels.values())
        organizations = {wish.organization_id for wish in self._channels}
        newest = await self._log.newest()
        # A ledger without an entry is a place as well: what comes first is told like all the rest.
        after = newest if self._position is None or newest < self._position else self._position
        missed: list[Missed] = []
        if newest - after > MOST_BEHIND:
            begin, after = after, newest - MOST_READ
            missed = await self._log.count(begin, after, organizations)
        upto = min(newest, after + MOST_READ)
        happenings = await self._log.read(after, upto, organizations) if upto > after else []
        self._position = upto
        now = asyncio.get_running_loop().time()
        for channel in channels:
            channel.tell(happenings, missed, upto, now)
        self._seat_the_joining(upto, newest, now)
        return upto < newest

    def _seat_the_joining(self, position: int, newest: int, now: float) -> None:
        """Here, between two steps, so that they miss nothing of a step that was under way."""
        joining, self._joining = self._joining, []
        for one in joining:
            if one.joined.done():
                continue
            if one.after is not None and position < min(one.after, newest):
                self._joining.append(one)
                continue
            channel = self._channels.setdefault(one.wish, Channel(one.wish, now=now))
            channel.seats.add(one.seat)
            one.joined.set_result(position)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
