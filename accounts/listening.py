"""A WebSocket on which AIM tells and reads nothing: who may open it, how it is refused, and how it ends."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from http import HTTPStatus
from typing import Any, NoReturn, Protocol

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.contracts import Actor
from accounts.sockets import actor_of_socket, is_own_origin
from aim.api.problems import CONTENT_TYPE, problem_body
from aim.errors import Problem

ENDED, NOT_ALLOWED, NOT_UNDERSTOOD, BROKEN = 4401, 4403, 4400, 1011
"""Codes to close with: the credentials are no more, the permission is gone, something was sent, AIM itself failed."""


class Listening(Protocol):
    """The place of a socket among those that are told; `over` is resolved with the code to close with."""

    over: asyncio.Future[int]

    def end(self, code: int) -> None: ...


class ListeningConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    channel_layer_alias = "none"
    """What is told comes from the database: it must not end with Valkey."""
    _place: Listening | None = None
    _serving: asyncio.Task[None] | None = None

    async def admit(self) -> Actor:
        """Whoever the handshake stands for; the socket is refused where that is nobody, or another site's page."""
        if not is_own_origin(self.scope):
            await self.refuse(HTTPStatus.FORBIDDEN, "foreign_origin", "Pages of other sites may not listen here.")
        actor: Actor | None = await database_sync_to_async(actor_of_socket)(self.scope)
        if actor is None:
            sentence = "The credentials are unknown, expired or revoked."
            await self.refuse(HTTPStatus.UNAUTHORIZED, "not_authenticated", sentence)
        return actor

    def serve(self, place: Listening, telling: Coroutine[Any, Any, None]) -> None:
        """Let `telling` run until the place is over, then close; `leave` is called when the socket has gone."""
        self._place = place
        self._serving = asyncio.create_task(self._serve(place, telling))

    def leave(self) -> None:
        """Give the place up."""
        raise NotImplementedError

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Nothing is read here."""
        if self._place is not None:
            self._place.end(NOT_UNDERSTOOD)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        if self._serving is not None:
            self._serving.cancel()
            self.leave()

    async def refuse_more(self) -> NoReturn:
        sentence = "Too many are listening already."
        await self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_sockets", sentence)

    async def refuse(self, status: int, code: str, detail: str, errors: Sequence[Problem] = ()) -> NoReturn:
        """Answer the handshake as any call of the API is answered, and end."""
        body = json.dumps(problem_body(status, code=code, detail=detail, errors=errors)).encode()
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.base_send({"type": "websocket.http.response.start", "status": int(status), "headers": headers})
        await self.base_send({"type": "websocket.http.response.body", "body": body})
        raise StopConsumer

    async def _serve(self, place: Listening, telling: Coroutine[Any, Any, None]) -> None:
        told = asyncio.create_task(telling)
        try:
            both: set[asyncio.Future[Any]] = {told, place.over}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        await self.close(place.over.result() if place.over.done() else BROKEN)
