"""Rights that end while somebody watches: every open socket is asked about again, every few seconds."""

import asyncio
from collections.abc import Collection

import structlog
from channels.db import database_sync_to_async

from accounts.contracts import Actor
from accounts.listening import ENDED, NOT_ALLOWED
from accounts.permissions import Permission
from accounts.sockets import actor_of_socket
from verification.live.seats import SocketSeat

log = structlog.get_logger("aim.live")

EVERY_SECONDS = 2.5


class Watch:
    """Asks by the same rules as at the beginning, once for all sockets with the same credential."""

    def __init__(self, seats: Collection[SocketSeat]) -> None:
        self._seats = seats

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            by_credential: dict[object, list[SocketSeat]] = {}
            for seat in self._seats:
                by_credential.setdefault(seat.credential, []).append(seat)
            for seats in by_credential.values():
                actor = await _actor_now(seats[0])
                for seat in seats:
                    code = refusal_of(seat, actor)
                    if code is not None:
                        seat.end(code)


def refusal_of(seat: SocketSeat, actor: Actor | None) -> int | None:
    """The code to close the socket with, or None while it may stay."""
    if actor is None or (actor.id, actor.organization_id) != (seat.actor.id, seat.actor.organization_id):
        return ENDED
    return None if actor.may(Permission.VERIFICATIONS_READ) else NOT_ALLOWED


async def _actor_now(seat: SocketSeat) -> Actor | None:
    try:
        found: Actor | None = await database_sync_to_async(actor_of_socket)(seat.scope)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows that the socket may stay
        log.warning("socket_not_asked_about", error=str(error) or type(error).__name__)
        return None
    return found
