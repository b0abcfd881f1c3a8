"""The API of reports of suspicious behaviour."""

from typing import Any, ClassVar, Protocol
from uuid import UUID

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField
from aim.ids import IdKind
from security.models import Report
from security.selectors import report_by_id, reports_visible_to
from security.services.reports import (
    LONGEST_NOTE,
    LONGEST_TEXT,
    dismiss_report,
    escalate_report,
    report_behaviour,
    suspend_reported_agent,
)


class NewReportSerializer(StrictSerializer):
    agent_id = IdField(kind=IdKind.AGENT, required=False)
    verification_id = IdField(kind=IdKind.VERIFICATION, required=False, help_text="Names the agent by itself.")
    severity = serializers.ChoiceField(choices=Report.Severity.choices)
    text = TextField(max_length=LONGEST_TEXT)


class ReportSerializer(StrictSerializer):
    id = IdField(kind=IdKind.REPORT, read_only=True)
    agent_id = IdField(kind=IdKind.AGENT, read_only=True)
    verification_id = IdField(kind=IdKind.VERIFICATION, read_only=True, allow_null=True)
    severity = serializers.ChoiceField(choices=Report.Severity.choices, read_only=True)
    text = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(choices=Report.Status.choices, read_only=True)
    reported_by = serializers.EmailField(source="reported_by.email", default=None, read_only=True, allow_null=True)
    decided_by = serializers.EmailField(source="decided_by.email", default=None, read_only=True, allow_null=True)
    decided_at = MomentField(read_only=True, allow_null=True)
    note = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)


class ReportNoteSerializer(StrictSerializer):
    note = TextField(max_length=LONGEST_NOTE)


class ReportFilters(filters.FilterSet):  # type: ignore[misc]
    status = filters.MultipleChoiceFilter(choices=Report.Status.choices)
    severity = filters.MultipleChoiceFilter(choices=Report.Severity.choices)

    class Meta:
        model = Report
        fields: ClassVar[list[str]] = []


class Decision(Protocol):
    def __call__(self, actor: Actor, report_id: UUID, *, note: str) -> Report: ...


def shown(row: Report) -> dict[str, Any]:
    return dict(ReportSerializer(row).data)


@extend_schema(tags=["Reports"])
class ReportsView(ActorView, GenericAPIView[Report]):
    permissions: ClassVar = {"GET": Permission.REPORTS_MAKE, "POST": Permission.REPORTS_MAKE}
    filterset_class = ReportFilters
    queryset = Report.objects.none()

    @extend_schema(
        summary="List the reports of suspicious behaviour",
        operation_id="reports_list",
        responses=ReportSerializer(many=True),
    )
    def get(self, _request: Request) -> Response:
        """Newest first: with `reports:handle` everybody's, otherwise your own."""
        rows = self.paginate_queryset(self.filter_queryset(reports_visible_to(self.actor)))
        return self.get_paginated_response(ReportSerializer(rows, many=True).data)

    @extend_schema(
        summary="Report suspicious behaviour",
        operation_id="reports_create",
        request=NewReportSerializer,
        responses={201: ReportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Of an agent, or of one of its decisions. Those who handle reports are told at once."""
        serializer = NewReportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = report_behaviour(self.actor, **serializer.validated_data)
        return Response(shown(report_by_id(self.actor, row.id)), status=201)


@extend_schema(tags=["Reports"])
class ReportView(ActorView):
    permissions: ClassVar = {"GET": Permission.REPORTS_MAKE}

    @extend_schema(summary="One report", operation_id="reports_read", responses=ReportSerializer)
    def get(self, _request: Request, report_id: str) -> Response:
        return Response(shown(report_by_id(self.actor, path_id(IdKind.REPORT, report_id))))


class DecisionView(ActorView):
    """A decision of a report, which needs a note and nothing else."""

    def decide(self, service: Decision, request: Request, report_id: str) -> Response:
        identifier = report_by_id(self.actor, path_id(IdKind.REPORT, report_id)).id
        serializer = ReportNoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        service(self.actor, identifier, note=serializer.validated_data["note"])
        return Response(shown(report_by_id(self.actor, identifier)))


@extend_schema(tags=["Reports"])
class ReportDismissView(DecisionView):
    permissions: ClassVar = {"POST": Permission.REPORTS_HANDLE}

    @extend_schema(
        summary="Dismiss a report",
        operation_id="reports_dismiss",
        request=ReportNoteSerializer,
        responses=ReportSerializer,
    )
    def post(self, request: Request, report_id: str) -> Response:
        """Whoever reported reads the note. 409 once it is decided."""
        return self.decide(dismiss_report, request, report_id)


@extend_schema(tags=["Reports"])
class ReportEscalateView(DecisionView):
    permissions: ClassVar = {"POST": Permission.REPORTS_HANDLE}

    @extend_schema(
        summary="Escalate a report",
        operation_id="reports_escalate",
        request=ReportNoteSerializer,
        responses=ReportSerializer,
    )
    def post(self, request: Request, report_id: str) -> Response:
        """It becomes critical, everybody who handles reports is told, and it is still to be decided."""
        return self.decide(escalate_report, request, report_id)


@extend_schema(tags=["Reports"])
class ReportSuspendView(DecisionView):
    permissions: ClassVar = {"POST": Permission.REPORTS_HANDLE}

    @extend_schema(
        summary="Suspend the reported agent",
        operation_id="reports_suspend",
        request=ReportNoteSerializer,
        responses=ReportSerializer,
    )
    def post(self, request: Request, report_id: str) -> Response:
        """No action of it is approved from now on, and the report is closed. 409 where it cannot be suspended."""
        return self.decide(suspend_reported_agent, request, report_id)
