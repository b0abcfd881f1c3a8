"""The API of what approvals leave behind: grants for a time, and circles of waiting agents."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.ids import IdKind
from verification.api.approval_filters import GrantFilters
from verification.api.approval_serializers import (
    ApprovalSerializer,
    DeadlockSerializer,
    GrantSerializer,
    ResolveSerializer,
    RevokeGrantSerializer,
)
from verification.api.approval_views import OneApprovalView
from verification.approvals.models import Approval, Deadlock, Grant
from verification.approvals.selectors import (
    deadlock_by_id,
    deadlocks_visible_to,
    grant_by_id,
    grants_visible_to,
)
from verification.services.deadlocks import resolve_deadlock
from verification.services.grants import revoke_grant


@extend_schema(tags=["Approvals"])
class GrantListView(ActorView, GenericAPIView[Grant]):
    permissions: ClassVar = {"GET": Permission.GRANTS_READ}
    filterset_class = GrantFilters
    queryset = Grant.objects.none()

    @extend_schema(summary="List the grants", operation_id="grants", responses=GrantSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Newest first; `?standing=true` are those in force."""
        rows = self.paginate_queryset(self.filter_queryset(grants_visible_to(self.actor))) or []
        return self.get_paginated_response(GrantSerializer(rows, many=True).data)


@extend_schema(tags=["Approvals"])
class RevokeGrantView(ActorView):
    permissions: ClassVar = {"POST": Permission.GRANTS_WRITE}

    @extend_schema(
        summary="End a grant", operation_id="grant_revoke", request=RevokeGrantSerializer, responses=GrantSerializer
    )
    def post(self, request: Request, grant_id: str) -> Response:
        """In force for every decision committed afterwards."""
        grant = grant_by_id(self.actor, path_id(IdKind.GRANT, grant_id))
        serializer = RevokeGrantSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        ended = revoke_grant(self.actor, grant.id, reason=serializer.validated_data["reason"])
        return Response(GrantSerializer(ended).data)


@extend_schema(tags=["Approvals"])
class DeadlockListView(ActorView, GenericAPIView[Deadlock]):
    permissions: ClassVar = {"GET": Permission.APPROVALS_READ}
    queryset = Deadlock.objects.none()

    @extend_schema(summary="List the deadlocks", operation_id="deadlocks", responses=DeadlockSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Agents that wait for each other's approval in a circle, with what to do about it. Newest first."""
        rows = self.paginate_queryset(self.filter_queryset(deadlocks_visible_to(self.actor))) or []
        return self.get_paginated_response(DeadlockSerializer(rows, many=True).data)


@extend_schema(tags=["Approvals"])
class ResolveDeadlockView(OneApprovalView):
    permissions: ClassVar = {"POST": Permission.APPROVALS_RESOLVE}

    @extend_schema(
        summary="Open the circle",
        operation_id="deadlock_resolve",
        request=ResolveSerializer,
        responses=ApprovalSerializer,
    )
    def post(self, request: Request, deadlock_id: str) -> Response:
        """Does what is suggested: a temporary approval for the one agent. The checks that deny are asked again."""
        deadlock = deadlock_by_id(self.actor, path_id(IdKind.DEADLOCK, deadlock_id))
        serializer = ResolveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        approval = resolve_deadlock(self.actor, deadlock.id, **serializer.validated_data)
        return self.settled(approval, wanted={Approval.Status.APPROVED})
