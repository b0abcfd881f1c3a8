"""The API of an organization's people."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.serializers import (
    MemberSerializer,
    SessionSerializer,
    SignInResetSerializer,
    TransferredSerializer,
    TransferSerializer,
)
from accounts.models import Role
from accounts.permissions import Permission
from accounts.selectors import membership_by_user, memberships_visible_to, sessions_visible_to
from accounts.services.members import change_role, remove_member, reset_sign_in, transfer_ownership
from accounts.services.sessions import end_member_sessions
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind


@extend_schema(tags=["People"])
class MembersView(ActorView):
    permissions: ClassVar = {"GET": Permission.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(summary="List the members", operation_id="members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(memberships_visible_to(self.actor), request, self)
        return pages.get_paginated_response(MemberSerializer(rows, many=True).data)


@extend_schema(tags=["People"])
class MemberView(ActorView):
    permissions: ClassVar = {
        "GET": Permission.MEMBERS_READ,
        "PATCH": Permission.MEMBERS_WRITE,
        "DELETE": Permission.MEMBERS_WRITE,
    }

    @extend_schema(summary="One member", operation_id="members_read", responses=MemberSerializer)
    def get(self, _request: Request, user_id: str) -> Response:
        membership = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        return Response(MemberSerializer(membership).data)

    @extend_schema(
        summary="Change a member's role",
        operation_id="members_update",
        request=MemberSerializer,
        responses=MemberSerializer,
    )
    def patch(self, request: Request, user_id: str) -> Response:
        """In force for the person's next request, by session or token. The last admin stays one (409)."""
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        serializer = MemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        membership = change_role(
            self.actor,
            known.user_id,
            organization_id=known.organization_id,
            role=Role(serializer.validated_data["role"]),
        )
        return Response(MemberSerializer(membership).data)

    @extend_schema(summary="Remove a member", operation_id="members_delete", responses={204: None})
    def delete(self, _request: Request, user_id: str) -> Response:
        """The person's sessions and tokens for this organization end with it. The last admin stays (409)."""
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        remove_member(self.actor, known.user_id, organization_id=known.organization_id)
        return Response(status=204)


@extend_schema(tags=["People"])
class MemberTransferView(ActorView):
    permissions: ClassVar = {"POST": Permission.MEMBERS_WRITE}

    @extend_schema(
        summary="Hand over what a member owns",
        operation_id="members_transfer",
        request=TransferSerializer,
        responses=TransferredSerializer,
    )
    def post(self, request: Request, user_id: str) -> Response:
        """All agents of this member become another member's, such as before the first leaves."""
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        serializer = TransferSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        count = transfer_ownership(self.actor, known.user_id, to_user_id=serializer.validated_data["to"])
        return Response({"transferred": count})


@extend_schema(tags=["People"])
class MemberSignInView(ActorView):
    permissions: ClassVar = {"POST": Permission.MEMBERS_WRITE}

    @extend_schema(
        summary="Reset a member's sign-in",
        operation_id="members_reset_sign_in",
        request=None,
        responses=SignInResetSerializer,
    )
    def post(self, _request: Request, user_id: str) -> Response:
        """For somebody who lost the password or the second factor: a one-time password; factors and sessions end.

        409 for a person who belongs to other organizations too.
        """
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        password = reset_sign_in(self.actor, known.user_id, organization_id=known.organization_id)
        return Response({"password": password})


@extend_schema(tags=["People"])
class MemberSessionsView(ActorView):
    permissions: ClassVar = {"GET": Permission.MEMBERS_WRITE, "DELETE": Permission.MEMBERS_WRITE}
    pagination_class = CursorPages

    @extend_schema(
        summary="List a member's sessions", operation_id="members_sessions", responses=SessionSerializer(many=True)
    )
    def get(self, request: Request, user_id: str) -> Response:
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        pages = CursorPages()
        mine = sessions_visible_to(self.actor).filter(membership=known)
        rows = pages.paginate_queryset(mine, request, self)
        return pages.get_paginated_response(SessionSerializer(rows, many=True).data)

    @extend_schema(summary="End a member's sessions", operation_id="members_sessions_end", responses={204: None})
    def delete(self, _request: Request, user_id: str) -> Response:
        """All of them in this organization, at once."""
        known = membership_by_user(self.actor, path_id(IdKind.USER, user_id))
        end_member_sessions(self.actor, known)
        return Response(status=204)
