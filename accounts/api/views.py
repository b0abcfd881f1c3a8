"""The API of organizations and people: reads by selectors, changes by services."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.permissions import ANY_ACTOR
from accounts.api.serializers import (
    CallerSerializer,
    MemberSerializer,
    OrganizationSerializer,
    RolesSerializer,
)
from accounts.contracts import ActorKind
from accounts.models import Role
from accounts.permissions import ROLE_PERMISSIONS, Permission
from accounts.selectors import membership_by_user, memberships_visible_to, organization_of
from accounts.services.members import change_role, remove_member
from accounts.services.organizations import update_organization
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind, show_id


@extend_schema(tags=["Callers"])
class MeView(ActorView):
    permissions: ClassVar = {"GET": ANY_ACTOR}

    @extend_schema(summary="Who am I?", operation_id="me", responses=CallerSerializer)
    def get(self, _request: Request) -> Response:
        """The person or agent that the credentials belong to, and what they allow."""
        actor, organization = self.actor, organization_of(self.actor)
        assert actor.id is not None
        person = actor.kind == ActorKind.PERSON
        caller: dict[str, Any] = {
            "kind": actor.kind.value,
            "id": show_id(IdKind.USER if person else IdKind.AGENT, actor.id),
            "label": actor.label,
            "organization": organization,
            "role": membership_by_user(actor, actor.id).role if person else None,
            "permissions": sorted(actor.permissions),
            "credential": actor.credential,
        }
        return Response(CallerSerializer(caller).data)


@extend_schema(tags=["People"])
class RolesView(ActorView):
    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}

    @extend_schema(summary="The permission matrix", operation_id="roles", responses=RolesSerializer)
    def get(self, _request: Request) -> Response:
        """What each role may do. The same table is enforced for every page, call and token."""
        roles = [{"role": role.value, "permissions": sorted(ROLE_PERMISSIONS[role])} for role in Role]
        return Response({"permissions": sorted(Permission), "roles": roles})


@extend_schema(tags=["People"])
class OrganizationView(ActorView):
    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ, "PATCH": Permission.ORGANIZATION_WRITE}

    @extend_schema(summary="Your organization", operation_id="organization", responses=OrganizationSerializer)
    def get(self, _request: Request) -> Response:
        return Response(OrganizationSerializer(organization_of(self.actor)).data)

    @extend_schema(
        summary="Change your organization",
        operation_id="organization_update",
        request=OrganizationSerializer,
        responses=OrganizationSerializer,
    )
    def patch(self, request: Request) -> Response:
        serializer = OrganizationSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(OrganizationSerializer(update_organization(self.actor, **serializer.validated_data)).data)


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
