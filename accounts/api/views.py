"""The API of the caller and the caller's organization: reads by selectors, changes by services."""

from base64 import b64decode
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.permissions import ANY_ACTOR
from accounts.api.serializers import (
    CallerSerializer,
    LogoSerializer,
    LogoUploadSerializer,
    OrganizationSerializer,
    RolesSerializer,
)
from accounts.contracts import ActorKind
from accounts.models import Role
from accounts.permissions import ROLE_PERMISSIONS, Permission
from accounts.selectors import membership_by_user, organization_of
from accounts.services.logos import remove_logo, set_logo
from accounts.services.organizations import update_organization
from aim.api.strict_json import JSONLimits
from aim.errors import InvalidInputError, Problem
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
class LogoView(ActorView):
    permissions: ClassVar = {"PUT": Permission.ORGANIZATION_WRITE, "DELETE": Permission.ORGANIZATION_WRITE}
    json_limits = JSONLimits(size=1_500_000)

    @extend_schema(
        summary="Set your organization's picture",
        operation_id="organization_logo_set",
        request=LogoUploadSerializer,
        responses=LogoSerializer,
    )
    def put(self, request: Request) -> Response:
        """PNG, JPEG or WebP. It is read with care and drawn anew: nothing but its pixels is kept."""
        serializer = LogoUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            content = b64decode(serializer.validated_data["content"], validate=True)
        except ValueError:
            raise InvalidInputError((Problem("content", "base64", "This is no base64 text."),)) from None
        return Response(LogoSerializer(set_logo(self.actor, content)).data)

    @extend_schema(
        summary="Remove your organization's picture", operation_id="organization_logo_remove", responses={204: None}
    )
    def delete(self, _request: Request) -> Response:
        remove_logo(self.actor)
        return Response(status=204)
