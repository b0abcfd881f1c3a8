"""`/ws/activity`: each decision of the organization, and what becomes of it, as it happens."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from rest_framework import serializers

from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.sockets import actor_of_socket, is_own_origin
from aim.api.problems import CONTENT_TYPE, list_problems, problem_body
from aim.api.serializers import IdField, StrictSerializer
from aim.errors import Problem
from aim.ids import IdKind
from verification.live.channel import Wish
from verification.live.hub import BROKEN, MOST_BACK, FullError, hub
from verification.live.seats import SocketSeat
from verification.models import Verification

USUAL_RATE, HIGHEST_RATE = 10, 50
NOT_UNDERSTOOD = 4400


class ActivityQuerySerializer(StrictSerializer):
    after = serializers.IntegerField(min_value=-1, max_value=2**63 - 1, required=False)
    rate = serializers.IntegerField(min_value=1, max_value=HIGHEST_RATE, default=USUAL_RATE)
    status = serializers.ChoiceField(choices=Verification.Status.choices, default=None)
    agent = IdField(kind=IdKind.AGENT, default=None)
    action_type = serializers.CharField(max_length=100, default=None)


class ActivityConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    channel_layer_alias = "none"
    """What is told comes from the ledger: it must not end with Valkey."""
    _serving: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not is_own_origin(self.scope):
            await self._refuse(HTTPStatus.FORBIDDEN, "foreign_origin", "Pages of other sites may not listen here.")
        actor = await database_sync_to_async(actor_of_socket)(self.scope)
        if actor is None:
            sentence = "The credentials are unknown, expired or revoked."
            await self._refuse(HTTPStatus.UNAUTHORIZED, "not_authenticated", sentence)
        if not actor.may(Permission.VERIFICATIONS_READ):
            await self._refuse(HTTPStatus.FORBIDDEN, "permission_denied", "You may not see decisions.")
        query = ActivityQuerySerializer(data=dict(parse_qsl(self.scope["query_string"].decode("latin-1"))))
        if not query.is_valid():
            problems = list(list_problems(query.errors))
            sentence = "; ".join(problem.message for problem in problems)
            await self._refuse(HTTPStatus.BAD_REQUEST, "invalid", sentence, problems)
        await self._begin(actor, query.validated_data)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Nothing is read here."""
        self._seat.end(NOT_UNDERSTOOD)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        if self._serving is not None:
            self._serving.cancel()
            hub().leave(self._wish, self._seat)

    async def _begin(self, actor: Actor, query: Mapping[str, Any]) -> None:
        after: int | None = query.get("after")
        self._wish = Wish(actor.scope, query["status"], query["agent"], query["action_type"], query["rate"])
        self._seat = SocketSeat(actor, self.scope)
        try:
            start = await hub().join(self._wish, self._seat, after)
        except FullError:
            await self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_sockets", "Too many are listening already.")
        self._serving = asyncio.create_task(self._serve(start, after))

    async def _serve(self, start: int, after: int | None) -> None:
        telling = asyncio.create_task(self._tell(start, after))
        try:
            both: set[asyncio.Future[Any]] = {telling, self._seat.over}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
        await self.close(self._seat.over.result() if self._seat.over.done() else BROKEN)

    async def _tell(self, start: int, after: int | None) -> None:
        begin = start if after is None else max(min(after, start), start - MOST_BACK)
        await self.accept()
        complete = after is None or after == begin
        await self.send(json.dumps({"type": "ready", "cursor": begin, "complete": complete, "rate": self._wish.rate}))
        for frame in await hub().missed_by(self._wish, begin, start):
            await self.send(frame.text)
        while True:
            await self.send((await self._seat.next()).text)

    async def _refuse(self, status: int, code: str, detail: str, errors: Sequence[Problem] = ()) -> NoReturn:
        """Answer the handshake as any call of the API is answered, and end."""
        body = json.dumps(problem_body(status, code=code, detail=detail, errors=errors)).encode()
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.base_send({"type": "websocket.http.response.start", "status": int(status), "headers": headers})
        await self.base_send({"type": "websocket.http.response.body", "body": body})
        raise StopConsumer
