"""`/ws/activity`: each decision of the organization, and what becomes of it, as it happens."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from rest_framework import serializers

from accounts.contracts import Actor
from accounts.listening import ListeningConsumer
from accounts.permissions import Permission
from aim.api.problems import list_problems
from aim.api.serializers import IdField, StrictSerializer
from aim.ids import IdKind
from verification.live.channel import Wish
from verification.live.hub import MOST_BACK, FullError, hub
from verification.live.seats import SocketSeat
from verification.models import Verification

USUAL_RATE, HIGHEST_RATE = 10, 50
MOST_VALUES = 20
"""So many values of one filter, as in the list."""
_REPEATED = ("status", "agent", "action_type", "code")


class ActivityQuerySerializer(StrictSerializer):
    after = serializers.IntegerField(min_value=-1, max_value=2**63 - 1, required=False)
    rate = serializers.IntegerField(min_value=1, max_value=HIGHEST_RATE, default=USUAL_RATE)
    status = serializers.ListField(
        child=serializers.ChoiceField(choices=Verification.Status.choices), default=list, max_length=MOST_VALUES
    )
    agent = serializers.ListField(child=IdField(kind=IdKind.AGENT), default=list, max_length=MOST_VALUES)
    action_type = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=MOST_VALUES
    )
    code = serializers.ListField(child=serializers.CharField(max_length=40), default=list, max_length=MOST_VALUES)
    user = serializers.CharField(max_length=200, default="")
    session = serializers.CharField(max_length=200, default="")
    q = serializers.CharField(max_length=200, default="")


def read_query(text: str) -> dict[str, Any]:
    """What the address asks for; a filter may stand there several times."""
    query: dict[str, Any] = {}
    for name, value in parse_qsl(text):
        if name in _REPEATED:
            query.setdefault(name, []).append(value)
        else:
            query[name] = value
    return query


class ActivityConsumer(ListeningConsumer):
    async def connect(self) -> None:
        actor = await self.admit()
        if not actor.may(Permission.VERIFICATIONS_READ):
            await self.refuse(HTTPStatus.FORBIDDEN, "permission_denied", "You may not see decisions.")
        query = ActivityQuerySerializer(data=read_query(self.scope["query_string"].decode("latin-1")))
        if not query.is_valid():
            problems = list(list_problems(query.errors))
            sentence = "; ".join(problem.message for problem in problems)
            await self.refuse(HTTPStatus.BAD_REQUEST, "invalid", sentence, problems)
        await self._begin(actor, query.validated_data)

    def leave(self) -> None:
        hub().leave(self._wish, self._seat)

    async def _begin(self, actor: Actor, query: Mapping[str, Any]) -> None:
        after: int | None = query.get("after")
        self._wish = Wish(
            actor.scope,
            query["rate"],
            statuses=frozenset(query["status"]),
            agents=frozenset(query["agent"]),
            actions=frozenset(query["action_type"]),
            codes=frozenset(query["code"]),
            user=query["user"],
            session=query["session"],
            text=query["q"],
        )
        self._seat = SocketSeat(actor, self.scope)
        try:
            start = await hub().join(self._wish, self._seat, after)
        except FullError:
            await self.refuse_more()
        self.serve(self._seat, self._tell(start, after))

    async def _tell(self, start: int, after: int | None) -> None:
        begin = start if after is None else max(min(after, start), start - MOST_BACK)
        await self.accept()
        complete = after is None or after == begin
        await self.send(json.dumps({"type": "ready", "cursor": begin, "complete": complete, "rate": self._wish.rate}))
        for frame in await hub().missed_by(self._wish, begin, start):
            await self.send(frame.text)
        while True:
            await self.send((await self._seat.next()).text)
