"""The API of decisions. Agents ask, follow and report here; people read what was decided."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.errors import ConflictError
from aim.ids import IdKind
from verification.api.action_serializer import ActionSerializer
from verification.api.asking import answer_action
from verification.api.filters import VerificationFilters
from verification.api.serializers import (
    CompletionSerializer,
    DecisionSerializer,
    ReportSerializer,
    VerificationDetailSerializer,
    VerificationSerializer,
    WithdrawSerializer,
    shown_state,
)
from verification.approvals.selectors import approval_of, database_now
from verification.detail import detail_of
from verification.models import Verification
from verification.selectors import (
    completion_of,
    completions_of,
    own_verification,
    record_of,
    verification_by_id,
    verifications_visible_to,
)
from verification.services.approval_use import follow_request
from verification.services.approvals import withdraw_own_request
from verification.services.completions import SENTENCES, Report, complete_verification

EXAMPLE = OpenApiExample(
    "Read a file",
    request_only=True,
    value={
        "agent_id": "agt_0193b2f3c5e87c10a1b2c3d4e5f60718",
        "action_type": "file_read",
        "resource": "/app/config/config.json",
        "context": {"user_id": "usr_123", "session_id": "sess_456", "timestamp": "2026-11-23T16:30:00Z"},
    },
)


AGENT_KEY: Any = [{"agentKey": []}]  # drf-spectacular hands it on, though its annotation says texts


class CompletionRefusedError(ConflictError):
    """The report is on record, but it does not complete the verification."""

    code = "completion_refused"


@extend_schema(tags=["Decisions"])
class VerifyActionView(APIView):
    """Authenticates by itself, as the native lane does, because its refusals have the shape of a decision."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names = ["post"]
    permissions: ClassVar = {"POST": Permission.VERIFY_ACTIONS}

    @extend_schema(
        summary="May I?",
        operation_id="verify_action",
        auth=AGENT_KEY,
        request=ActionSerializer,
        examples=[EXAMPLE],
        responses={
            200: DecisionSerializer,
            202: DecisionSerializer,
            403: DecisionSerializer,
            429: DecisionSerializer,
            400: DecisionSerializer,
            401: DecisionSerializer,
            503: DecisionSerializer,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask before acting. The answer leaves only after the decision is durably recorded; if it cannot be, it is 503.

        Act only on `"approved": true`, before `expires_at`. `code` is stable, `reason` is for people. 202 means that a
        person is asked: follow `GET /verify/{verification_id}`. `retryable` says whether the same request may help
        later; 429 and 503 say when in `Retry-After`.
        """
        answer = answer_action(request._request)
        response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
        response["Cache-Control"] = "no-store"
        if answer.retry_after is not None:
            response["Retry-After"] = str(answer.retry_after)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = 'Bearer realm="aim"'
        return response


@extend_schema(tags=["Decisions"])
class OwnVerificationView(ActorView):
    permissions: ClassVar = {"GET": Permission.VERIFY_ACTIONS}

    @extend_schema(
        summary="What became of my request?",
        operation_id="verify_state",
        auth=AGENT_KEY,
        parameters=[
            OpenApiParameter("wait", int, description="Seconds to wait for a pending one to be decided, at most 20.")
        ],
        responses=DecisionSerializer,
    )
    def get(self, _request: Request, verification_id: str) -> Response:
        """Of a pending one, `approved` once it is; the checks that deny are asked again then, by what is true now."""
        verification = follow_request(self.actor, path_id(IdKind.VERIFICATION, verification_id))
        return Response(_state_of(verification))


@extend_schema(tags=["Decisions"])
class WithdrawOwnView(ActorView):
    permissions: ClassVar = {"POST": Permission.VERIFY_ACTIONS}

    @extend_schema(
        summary="Never mind",
        operation_id="verify_withdraw",
        auth=AGENT_KEY,
        request=WithdrawSerializer,
        responses={200: DecisionSerializer},
    )
    def post(self, request: Request, verification_id: str) -> Response:
        """The agent takes back a request that waits for approval, or an approval it has not used; 409 otherwise."""
        identifier = path_id(IdKind.VERIFICATION, verification_id)
        own_verification(self.actor, identifier)
        serializer = WithdrawSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        withdraw_own_request(self.actor, identifier, note=serializer.validated_data.get("note", ""))
        return Response(_state_of(own_verification(self.actor, identifier)))


def _state_of(verification: Verification) -> dict[str, Any]:
    approval = approval_of(verification.id)
    return shown_state(verification, completion_of(verification.id), approval=approval, now=database_now())


@extend_schema(tags=["Decisions"])
class CompleteView(ActorView):
    permissions: ClassVar = {"POST": Permission.VERIFY_ACTIONS}

    @extend_schema(
        summary="Report what came of it",
        operation_id="verify_complete",
        auth=AGENT_KEY,
        request=ReportSerializer,
        responses={200: CompletionSerializer},
    )
    def post(self, request: Request, verification_id: str) -> Response:
        """Once, by the same agent, after an approval and before it expires; 409 otherwise.

        A report that is refused is recorded as what it is: an action without, or beyond, an approval.
        """
        identifier = path_id(IdKind.VERIFICATION, verification_id)
        own_verification(self.actor, identifier)
        serializer = ReportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        digest, volume = values.pop("request_digest", None), values.pop("bytes", None)
        report = Report(**values, volume=volume, request_digest=bytes.fromhex(digest) if digest else None)
        refusal = complete_verification(self.actor, identifier, report=report)
        if refusal is not None:
            raise CompletionRefusedError(gettext(SENTENCES[refusal]))
        return Response(CompletionSerializer(completion_of(identifier)).data)


@extend_schema(tags=["Verifications"])
class VerificationListView(ActorView, GenericAPIView[Verification]):
    permissions: ClassVar = {"GET": Permission.VERIFICATIONS_READ}
    filterset_class = VerificationFilters
    queryset = Verification.objects.none()

    @extend_schema(
        summary="List the decisions", operation_id="verifications", responses=VerificationSerializer(many=True)
    )
    def get(self, _request: Request) -> Response:
        """Newest first, a page at a time: follow `next`."""
        rows = self.paginate_queryset(self.filter_queryset(verifications_visible_to(self.actor))) or []
        context = {"completions": completions_of(rows)}
        return self.get_paginated_response(VerificationSerializer(rows, many=True, context=context).data)


@extend_schema(tags=["Verifications"])
class VerificationView(ActorView):
    permissions: ClassVar = {"GET": Permission.VERIFICATIONS_READ}

    @extend_schema(summary="One decision", operation_id="verification", responses=VerificationDetailSerializer)
    def get(self, _request: Request, verification_id: str) -> Response:
        """With every check, its result, detail and time, and the agent as it was at that moment."""
        verification = verification_by_id(self.actor, path_id(IdKind.VERIFICATION, verification_id))
        context = {
            "record": record_of(verification),
            "completions": completions_of([verification]),
            "detail": detail_of(self.actor, verification.id, with_session=False),
        }
        return Response(VerificationDetailSerializer(verification, context=context).data)
