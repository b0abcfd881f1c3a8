"""The API of invitations."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.invitation_states import Delivery, InvitationState, delivery_of, state_of
from accounts.models import Invitation, Role
from accounts.permissions import Permission
from accounts.selectors import invitation_by_id, invitations_visible_to
from accounts.services.invitations import MOST_AT_ONCE, invite_members, resend_invitation, revoke_invitation
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField
from aim.ids import IdKind
from aim.mail.server import mail_is_configured


class InviteSerializer(StrictSerializer):
    emails = serializers.ListField(child=TextField(max_length=254), min_length=1, max_length=MOST_AT_ONCE)
    role = serializers.ChoiceField(choices=Role.choices)
    message = TextField(max_length=1000, required=False, allow_blank=True, default="")


class InvitationSerializer(StrictSerializer):
    id = IdField(kind=IdKind.INVITATION, read_only=True)
    email = serializers.EmailField(read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    status = serializers.SerializerMethodField()
    delivery = serializers.SerializerMethodField(help_text="What became of the mail.")
    delivery_error = serializers.CharField(source="mail.last_error", default="", read_only=True)
    invited_by = serializers.EmailField(source="invited_by.user.email", default=None, read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)
    expires_at = MomentField(read_only=True)
    accepted_at = MomentField(read_only=True, allow_null=True)

    def get_status(self, invitation: Invitation) -> InvitationState:
        return state_of(invitation)

    def get_delivery(self, invitation: Invitation) -> Delivery:
        return delivery_of(invitation)


class SentInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Where no mail server is configured: hand it to the person. Shown this once.",
    )


class NotInvitedSerializer(StrictSerializer):
    email = serializers.CharField(read_only=True)
    code = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


class InvitedSerializer(StrictSerializer):
    message = serializers.CharField(read_only=True)
    invitations = SentInvitationSerializer(many=True, read_only=True)
    failed = NotInvitedSerializer(many=True, read_only=True)


@extend_schema(tags=["Invitations"])
class InvitationsView(ActorView):
    permissions: ClassVar = {"GET": Permission.MEMBERS_WRITE, "POST": Permission.MEMBERS_WRITE}
    pagination_class = CursorPages

    @extend_schema(
        summary="List the invitations", operation_id="invitations_list", responses=InvitationSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(invitations_visible_to(self.actor), request, self)
        return pages.get_paginated_response(InvitationSerializer(rows, many=True).data)

    @extend_schema(
        summary="Invite people",
        operation_id="invitations_create",
        request=InviteSerializer,
        responses={201: InvitedSerializer},
    )
    def post(self, request: Request) -> Response:
        """One invitation for each address, by mail, good for a week and for one person.

        An address that is none refuses the whole call; a member is named among the failed. Whether a mail arrived is
        told by `delivery` a moment later.
        """
        serializer = InviteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        outcome = invite_members(self.actor, values["emails"], role=Role(values["role"]), message=values["message"])
        body = {
            "message": sentence_for(len(outcome.made)),
            "invitations": [sent(invited.invitation, invited.link) for invited in outcome.made],
            "failed": NotInvitedSerializer(outcome.failed, many=True).data,
        }
        return Response(body, status=201)


@extend_schema(tags=["Invitations"])
class InvitationView(ActorView):
    permissions: ClassVar = {"GET": Permission.MEMBERS_WRITE}

    @extend_schema(summary="One invitation", operation_id="invitations_read", responses=InvitationSerializer)
    def get(self, _request: Request, invitation_id: str) -> Response:
        invitation = invitation_by_id(self.actor, path_id(IdKind.INVITATION, invitation_id))
        return Response(InvitationSerializer(invitation).data)


@extend_schema(tags=["Invitations"])
class InvitationResendView(ActorView):
    permissions: ClassVar = {"POST": Permission.MEMBERS_WRITE}

    @extend_schema(
        summary="Send an invitation again",
        operation_id="invitations_resend",
        request=None,
        responses=SentInvitationSerializer,
    )
    def post(self, _request: Request, invitation_id: str) -> Response:
        """With a new link, good for another week; the one before is dead. 409 once it was used or revoked."""
        invited = resend_invitation(self.actor, path_id(IdKind.INVITATION, invitation_id))
        return Response(sent(invited.invitation, invited.link))


@extend_schema(tags=["Invitations"])
class InvitationRevokeView(ActorView):
    permissions: ClassVar = {"POST": Permission.MEMBERS_WRITE}

    @extend_schema(
        summary="Revoke an invitation",
        operation_id="invitations_revoke",
        request=None,
        responses=InvitationSerializer,
    )
    def post(self, _request: Request, invitation_id: str) -> Response:
        """The link is dead at once. 409 once it was used or revoked."""
        invitation = revoke_invitation(self.actor, path_id(IdKind.INVITATION, invitation_id))
        return Response(InvitationSerializer(invitation).data)


def sent(invitation: Invitation, link: str) -> dict[str, Any]:
    return {**InvitationSerializer(invitation).data, "link": None if mail_is_configured() else link}


def sentence_for(count: int) -> str:
    if count == 0:
        return "No invitations were sent"
    return f"Invitations sent to {count} team member{'' if count == 1 else 's'}"
