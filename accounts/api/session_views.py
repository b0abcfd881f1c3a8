"""The API of the caller's own sessions in the console."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.serializers import SessionSerializer
from accounts.permissions import Permission
from accounts.selectors import sessions_of
from accounts.services.sessions import end_session
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind


@extend_schema(tags=["Sessions"])
class SessionsView(ActorView):
    permissions: ClassVar = {"GET": Permission.TOKENS_OWN}
    pagination_class = CursorPages

    @extend_schema(summary="List your sessions", operation_id="sessions_list", responses=SessionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every browser in which you are signed in, in whichever of your organizations."""
        pages = CursorPages()
        rows = pages.paginate_queryset(sessions_of(self.actor), request, self)
        return pages.get_paginated_response(SessionSerializer(rows, many=True).data)


@extend_schema(tags=["Sessions"])
class SessionView(ActorView):
    permissions: ClassVar = {"DELETE": Permission.TOKENS_OWN}

    @extend_schema(summary="End a session", operation_id="sessions_end", responses={204: None})
    def delete(self, _request: Request, session_id: str) -> Response:
        """One of your own, or as an admin one of your organization's. It ends with the next request."""
        end_session(self.actor, path_id(IdKind.SESSION, session_id))
        return Response(status=204)
