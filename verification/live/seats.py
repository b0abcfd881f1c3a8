"""A seat with somebody in it: who, by which credential, and how it is told to go."""

import asyncio
from collections.abc import Mapping
from typing import Any

from accounts.contracts import Actor
from accounts.sockets import credential_of_socket
from verification.live.channel import Seat
from verification.live.events import Frame


class SocketSeat(Seat):
    def __init__(self, actor: Actor, scope: Mapping[str, Any]) -> None:
        super().__init__()
        self.actor = actor
        self.scope = scope
        self.credential = credential_of_socket(scope)
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Resolved with the code to close with."""
        self._woken = asyncio.Event()

    def push(self, frame: Frame) -> None:
        super().push(frame)
        self._woken.set()

    def end(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)

    async def next(self) -> Frame:
        """The next frame, once there is one."""
        while (frame := self.take()) is None:
            self._woken.clear()
            await self._woken.wait()
        return frame
