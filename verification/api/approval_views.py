"""The API of the approval inbox. People and the agents that rules name decide here."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.pagination import CountedPages
from aim.api.path_ids import path_id
from aim.ids import IdKind
from verification.api.approval_filters import ApprovalFilters
from verification.api.approval_serializers import (
    ApprovalDetailSerializer,
    ApprovalSerializer,
    ApproveSerializer,
    DenySerializer,
)
from verification.api.serializers import WithdrawSerializer
from verification.approvals.errors import ApprovalRefusedError
from verification.approvals.models import Approval
from verification.approvals.selectors import (
    agents_of,
    approval_by_id,
    approvals_visible_to,
    earlier_of,
    refusal_for,
    verifications_of,
    votes_of,
)
from verification.selectors import completions_of, record_of
from verification.services.approvals import Terms, approve_request, deny_request, withdraw_approval


class OneApprovalView(ActorView):
    """The base of the views below `/approvals/{approval_id}`."""

    def identify(self, approval_id: str) -> UUID:
        """The id of a request the caller may see; `NotFoundError` otherwise, before a body is even looked at."""
        return approval_by_id(self.actor, path_id(IdKind.APPROVAL, approval_id)).id

    def shown(self, approval_id: UUID) -> Response:
        approval = approval_by_id(self.actor, approval_id)
        return Response(ApprovalSerializer(approval, context=_context([approval])).data)

    def settled(self, approval: Approval, *, wanted: set[str]) -> Response:
        """The request as it is now; a conflict where it was settled otherwise than the caller wanted."""
        if approval.status not in wanted:
            verification = verifications_of([approval])[approval.id]
            raise ApprovalRefusedError(verification.code, verification.reason)
        return self.shown(approval.id)


@extend_schema(tags=["Approvals"])
class ApprovalListView(ActorView, GenericAPIView[Approval]):
    permissions: ClassVar = {"GET": Permission.APPROVALS_READ}
    filterset_class = ApprovalFilters
    pagination_class = CountedPages
    queryset = Approval.objects.none()

    @extend_schema(summary="The approval inbox", operation_id="approvals", responses=ApprovalSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Newest first. `?mine=true` are those that wait for the caller; `count` is how many there are in all.

        An agent sees those that name it as approver.
        """
        rows = self.paginate_queryset(self.filter_queryset(approvals_visible_to(self.actor))) or []
        return self.get_paginated_response(ApprovalSerializer(rows, many=True, context=_context(rows)).data)


@extend_schema(tags=["Approvals"])
class ApprovalView(OneApprovalView):
    permissions: ClassVar = {"GET": Permission.APPROVALS_READ}

    @extend_schema(summary="One request", operation_id="approval", responses=ApprovalDetailSerializer)
    def get(self, _request: Request, approval_id: str) -> Response:
        """The exact arguments, why it waits, who asks, what else happened in the session, and earlier such requests."""
        approval = approval_by_id(self.actor, path_id(IdKind.APPROVAL, approval_id))
        context = _context([approval])
        verification = context["verifications"][approval.id]
        session, history = earlier_of(verification)
        context |= {
            "record": record_of(verification),
            "refusal": refusal_for(self.actor, approval, verification),
            "session": session,
            "history": history,
            "completions": completions_of([*session, *history]),
        }
        return Response(ApprovalDetailSerializer(approval, context=context).data)


@extend_schema(tags=["Approvals"])
class ApproveView(OneApprovalView):
    permissions: ClassVar = {"POST": Permission.APPROVALS_DECIDE}

    @extend_schema(
        summary="Approve", operation_id="approval_approve", request=ApproveSerializer, responses=ApprovalSerializer
    )
    def post(self, request: Request, approval_id: str) -> Response:
        """Once, or for a time. Still `pending` where more must agree.

        The checks that deny are asked again: what one of them denies now is denied (409, with its code), and so is
        what has expired.
        """
        identifier = self.identify(approval_id)
        serializer = ApproveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        terms = Terms(values["mode"], values.get("seconds"), values.get("resource", ""))
        approval = approve_request(self.actor, identifier, terms=terms, note=values.get("note", ""))
        return self.settled(approval, wanted={Approval.Status.APPROVED, Approval.Status.PENDING})


@extend_schema(tags=["Approvals"])
class DenyView(OneApprovalView):
    permissions: ClassVar = {"POST": Permission.APPROVALS_DECIDE}

    @extend_schema(summary="Deny", operation_id="approval_deny", request=DenySerializer, responses=ApprovalSerializer)
    def post(self, request: Request, approval_id: str) -> Response:
        """One denial is enough. The agent is told the note."""
        identifier = self.identify(approval_id)
        serializer = DenySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        approval = deny_request(self.actor, identifier, note=serializer.validated_data["note"])
        return self.settled(approval, wanted={Approval.Status.DENIED})


@extend_schema(tags=["Approvals"])
class WithdrawView(OneApprovalView):
    permissions: ClassVar = {"POST": Permission.APPROVALS_DECIDE}

    @extend_schema(
        summary="Take it back",
        operation_id="approval_withdraw",
        request=WithdrawSerializer,
        responses=ApprovalSerializer,
    )
    def post(self, request: Request, approval_id: str) -> Response:
        """An approval that is not used yet: the agent may not act any more."""
        identifier = self.identify(approval_id)
        serializer = WithdrawSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        approval = withdraw_approval(self.actor, identifier, note=serializer.validated_data.get("note", ""))
        return self.settled(approval, wanted={Approval.Status.WITHDRAWN})


def _context(approvals: list[Approval]) -> dict[str, Any]:
    return {
        "verifications": verifications_of(approvals),
        "agents": agents_of(approvals),
        "votes": votes_of(approvals),
    }
