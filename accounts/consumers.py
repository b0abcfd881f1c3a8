"""`/ws/notifications`: how much the person has to read, as it changes. What it says is fetched by an ordinary call."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, NoReturn

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.contracts import ActorKind
from accounts.notifications.board import BROKEN, FullError, Seat, board
from accounts.permissions import Permission
from accounts.sockets import actor_of_socket, is_own_origin
from aim.api.problems import CONTENT_TYPE, problem_body

_NOT_UNDERSTOOD = 4400


class NotificationsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    channel_layer_alias = "none"
    """What is told comes from the database: it must not end with Valkey."""
    _serving: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not is_own_origin(self.scope):
            await self._refuse(HTTPStatus.FORBIDDEN, "foreign_origin", "Pages of other sites may not listen here.")
        actor = await database_sync_to_async(actor_of_socket)(self.scope)
        if actor is None:
            sentence = "The credentials are unknown, expired or revoked."
            await self._refuse(HTTPStatus.UNAUTHORIZED, "not_authenticated", sentence)
        if actor.kind is not ActorKind.PERSON or not actor.may(Permission.NOTIFICATIONS_OWN):
            await self._refuse(HTTPStatus.FORBIDDEN, "permission_denied", "You have no notifications.")
        self._seat = Seat(actor, self.scope)
        try:
            board().join(self._seat)
        except FullError:
            await self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_sockets", "Too many are listening already.")
        await self.accept()
        self._serving = asyncio.create_task(self._serve())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Nothing is read here."""
        self._seat.end(_NOT_UNDERSTOOD)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        if self._serving is not None:
            self._serving.cancel()
            board().leave(self._seat)

    async def _serve(self) -> None:
        telling = asyncio.create_task(self._tell())
        try:
            both: set[asyncio.Future[Any]] = {telling, self._seat.over}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
        await self.close(self._seat.over.result() if self._seat.over.done() else BROKEN)

    async def _tell(self) -> None:
        while True:
            state = await self._seat.next()
            await self.send(json.dumps({"type": "unread", "count": state.number, "newest": state.newest}))

    async def _refuse(self, status: int, code: str, detail: str) -> NoReturn:
        """Answer the handshake as any call of the API is answered, and end."""
        body = json.dumps(problem_body(status, code=code, detail=detail, errors=())).encode()
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.base_send({"type": "websocket.http.response.start", "status": int(status), "headers": headers})
        await self.base_send({"type": "websocket.http.response.body", "body": body})
        raise StopConsumer
