"""The API of what an organization has shut off."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.ids import IdKind
from verification.api.serializers import ContainmentRequestSerializer, ContainmentSerializer, LiftSerializer
from verification.models import Containment
from verification.selectors import containment_by_id, containments_visible_to
from verification.services.containments import lift_containment, place_containment


@extend_schema(tags=["Containments"])
class ContainmentListView(ActorView, GenericAPIView[Containment]):
    permissions: ClassVar = {"GET": Permission.CONTAINMENTS_READ, "POST": Permission.CONTAINMENTS_WRITE}
    queryset = Containment.objects.none()

    @extend_schema(
        summary="List what is shut off", operation_id="containments", responses=ContainmentSerializer(many=True)
    )
    def get(self, _request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(containments_visible_to(self.actor))) or []
        return self.get_paginated_response(ContainmentSerializer(rows, many=True).data)

    @extend_schema(
        summary="Shut something off",
        operation_id="containment_place",
        request=ContainmentRequestSerializer,
        responses={201: ContainmentSerializer},
    )
    def post(self, request: Request) -> Response:
        """An address, user, session or destination is blocked, a resource quarantined, for every agent at once."""
        serializer = ContainmentRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        containment = place_containment(self.actor, **serializer.validated_data)
        return Response(ContainmentSerializer(containment).data, status=201)


@extend_schema(tags=["Containments"])
class ContainmentView(ActorView):
    permissions: ClassVar = {"GET": Permission.CONTAINMENTS_READ}

    @extend_schema(summary="One containment", operation_id="containment", responses=ContainmentSerializer)
    def get(self, _request: Request, containment_id: str) -> Response:
        containment = containment_by_id(self.actor, path_id(IdKind.CONTAINMENT, containment_id))
        return Response(ContainmentSerializer(containment).data)


@extend_schema(tags=["Containments"])
class LiftContainmentView(ActorView):
    permissions: ClassVar = {"POST": Permission.CONTAINMENTS_WRITE}

    @extend_schema(
        summary="Open it again",
        operation_id="containment_lift",
        request=LiftSerializer,
        responses=ContainmentSerializer,
    )
    def post(self, request: Request, containment_id: str) -> Response:
        identifier = path_id(IdKind.CONTAINMENT, containment_id)
        containment_by_id(self.actor, identifier)
        serializer = LiftSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        containment = lift_containment(self.actor, identifier, reason=serializer.validated_data["reason"])
        return Response(ContainmentSerializer(containment).data)
