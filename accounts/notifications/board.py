"""Tells the sockets of this process how much their people have to read: one look for all, while there are any."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from accounts.contracts import Actor
from accounts.listening import BROKEN, ENDED, NOT_ALLOWED
from accounts.models import Membership
from accounts.notifications.selectors import Unread, seen_by, unread_of_memberships
from accounts.permissions import Permission
from accounts.services.notifications import TOLD
from accounts.sockets import actor_of_socket, credential_of_socket
from aim.ledger.hints import Hint, listen

log = structlog.get_logger("aim.notifications")

EVERY_SECONDS = 2.5
MOST_SOCKETS = 2_000
MOST_OF_ONE_PERSON = 50


class FullError(Exception):
    """No more sockets here, or of this person."""


class Seat:
    """One socket's place: only the newest state is worth sending, so that nothing piles up for a slow reader."""

    def __init__(self, actor: Actor, scope: Mapping[str, Any]) -> None:
        self.actor = actor
        self.scope = scope
        self.credential = credential_of_socket(scope)
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Resolved with the code to close with."""
        self._state: Unread | None = None
        self._news = asyncio.Event()

    def show(self, state: Unread) -> None:
        if state != self._state:
            self._state = state
            self._news.set()

    def end(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)

    async def next(self) -> Unread:
        """The state, once it is another than before."""
        await self._news.wait()
        self._news.clear()
        assert self._state is not None
        return self._state


class Board:
    """All of it on the event loop of the process."""

    def __init__(self) -> None:
        self._seats: set[Seat] = set()
        self._hinted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, seat: Seat) -> None:
        """Raises `FullError`. The state of the moment follows at once."""
        of_person = sum(other.actor.id == seat.actor.id for other in self._seats)
        if len(self._seats) >= MOST_SOCKETS or of_person >= MOST_OF_ONE_PERSON:
            raise FullError
        self._seats.add(seat)
        self._hinted.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, seat: Seat) -> None:
        self._seats.discard(seat)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        over = threading.Event()

        def hear(_hint: Hint) -> None:
            # The loop may have ended with the process.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hinted.set)

        hearing = {"target": listen, "args": ([TOLD], hear), "kwargs": {"until": over}}
        threading.Thread(**hearing, name="notification hints", daemon=True).start()  # type: ignore[arg-type]
        examined = loop.time()
        try:
            while self._seats:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hinted.wait(), EVERY_SECONDS)
                self._hinted.clear()
                if loop.time() - examined >= EVERY_SECONDS:
                    examined = loop.time()
                    await self._examine()
                await self._look()
                await asyncio.sleep(0.1)
        except Exception:
            log.exception("notifications_broke")
            for seat in self._seats:
                seat.end(BROKEN)
        finally:
            # From here on a new socket begins a new run.
            self._task = None
            over.set()

    async def _examine(self) -> None:
        """Rights end while somebody listens: each credential is asked about again."""
        by_credential: dict[object, list[Seat]] = {}
        for seat in self._seats:
            by_credential.setdefault(seat.credential, []).append(seat)
        for seats in by_credential.values():
            actor = await _actor_now(seats[0])
            for seat in seats:
                if actor is None or (actor.id, actor.organization_id) != (seat.actor.id, seat.actor.organization_id):
                    seat.end(ENDED)
                elif not actor.may(Permission.NOTIFICATIONS_OWN):
                    seat.end(NOT_ALLOWED)
                else:
                    seat.actor = actor

    async def _look(self) -> None:
        seats = list(self._seats)
        try:
            states = await database_sync_to_async(_states_of)([seat.actor for seat in seats])
        except DatabaseError as error:
            log.warning("notifications_not_read", error=str(error) or type(error).__name__)
            return
        for seat, state in zip(seats, states, strict=True):
            seat.show(state)


def _states_of(actors: Iterable[Actor]) -> list[Unread]:
    """One query for the memberships, and one for each set of kinds, of which there is one a role."""
    actors = list(actors)
    organizations, users = {actor.scope for actor in actors}, {actor.self_id for actor in actors}
    rows = Membership.objects.filter(organization_id__in=organizations, user_id__in=users)
    memberships = {(row.organization_id, row.user_id): row.id for row in rows.only("id", "organization", "user")}
    by_kinds: dict[tuple[str, ...], set[UUID]] = {}
    for actor in actors:
        if (membership := memberships.get((actor.scope, actor.self_id))) is not None:
            by_kinds.setdefault(tuple(seen_by(actor)), set()).add(membership)
    states: dict[tuple[tuple[str, ...], UUID], Unread] = {}
    for kinds, wanted in by_kinds.items():
        states.update(
            {(kinds, membership): state for membership, state in unread_of_memberships(wanted, kinds).items()}
        )
    nothing = Unread(0, None)
    return [
        states.get((tuple(seen_by(actor)), memberships[actor.scope, actor.self_id]), nothing)
        if (actor.scope, actor.self_id) in memberships
        else nothing
        for actor in actors
    ]


async def _actor_now(seat: Seat) -> Actor | None:
    try:
        found: Actor | None = await database_sync_to_async(actor_of_socket)(seat.scope)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows that the socket may stay
        log.warning("socket_not_asked_about", error=str(error) or type(error).__name__)
        return None
    return found


_boards: dict[asyncio.AbstractEventLoop, Board] = {}


def board() -> Board:
    """The board of the running loop."""
    return _boards.setdefault(asyncio.get_running_loop(), Board())
