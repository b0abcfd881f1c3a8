"""The API of the caller's own personal tokens."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.serializers import NewTokenSerializer, TokenSerializer
from accounts.permissions import Permission
from accounts.selectors import membership_by_user, token_by_id, tokens_of
from accounts.services.tokens import create_token, revoke_token
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.errors import NotFoundError
from aim.ids import IdKind


@extend_schema(tags=["Personal tokens"])
class TokensView(ActorView):
    permissions: ClassVar = {"GET": Permission.TOKENS_OWN, "POST": Permission.TOKENS_OWN}
    pagination_class = CursorPages

    @extend_schema(summary="List your tokens", operation_id="tokens_list", responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(tokens_of(self.actor), request, self)
        return pages.get_paginated_response(TokenSerializer(rows, many=True).data)

    @extend_schema(
        summary="Make a token",
        operation_id="tokens_create",
        request=TokenSerializer,
        responses={201: NewTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Acts for you in this organization with the scopes you name, as far as your role allows them at each use."""
        if self.actor.id is None:
            raise NotFoundError
        serializer = TokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        token, secret = create_token(
            self.actor,
            values["name"],
            membership=membership_by_user(self.actor, self.actor.id),
            scopes=values["scopes"],
            expires_at=values["expires_at"],
        )
        return Response({**TokenSerializer(token).data, "token": secret.text}, status=201)


@extend_schema(tags=["Personal tokens"])
class TokenView(ActorView):
    permissions: ClassVar = {"GET": Permission.TOKENS_OWN, "DELETE": Permission.TOKENS_OWN}

    @extend_schema(summary="One of your tokens", operation_id="tokens_read", responses=TokenSerializer)
    def get(self, _request: Request, token_id: str) -> Response:
        return Response(TokenSerializer(token_by_id(self.actor, path_id(IdKind.TOKEN, token_id))).data)

    @extend_schema(summary="Revoke a token", operation_id="tokens_delete", responses={204: None})
    def delete(self, _request: Request, token_id: str) -> Response:
        """Refused from the next request on. The token stays in the list, with the time."""
        revoke_token(self.actor, path_id(IdKind.TOKEN, token_id))
        return Response(status=204)
