"""`/ws/notifications`: how much the person has to read, as it changes. What it says is fetched by an ordinary call."""

import json
from http import HTTPStatus

from accounts.contracts import ActorKind
from accounts.listening import ListeningConsumer
from accounts.notifications.board import FullError, Seat, board
from accounts.permissions import Permission


class NotificationsConsumer(ListeningConsumer):
    async def connect(self) -> None:
        actor = await self.admit()
        if actor.kind is not ActorKind.PERSON or not actor.may(Permission.NOTIFICATIONS_OWN):
            await self.refuse(HTTPStatus.FORBIDDEN, "permission_denied", "You have no notifications.")
        self._seat = Seat(actor, self.scope)
        try:
            board().join(self._seat)
        except FullError:
            await self.refuse_more()
        await self.accept()
        self.serve(self._seat, self._tell())

    def leave(self) -> None:
        board().leave(self._seat)

    async def _tell(self) -> None:
        while True:
            state = await self._seat.next()
            await self.send(json.dumps({"type": "unread", "count": state.number, "newest": state.newest}))
