"""The API of a server's crypto report: asked for, followed while it is made, fetched."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.api.serializers import IdField, MomentField, StrictSerializer
from aim.console.downloads import file_response
from aim.errors import ConflictError, NotFoundError
from aim.ids import IdKind
from aim.reports.models import Report
from mcp.api.views import TAGS, OneServerView
from mcp.crypto_report import SECTIONS
from mcp.reports import ask_crypto_report, crypto_report_by_id, crypto_reports_visible_to


class ReportNotReadyError(ConflictError):
    code = "not_ready"

    def __init__(self, state: str) -> None:
        super().__init__(f"The report is {state}: there is no file.")


class CryptoReportRequestSerializer(StrictSerializer):
    sections = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SECTIONS)),
        required=False,
        min_length=1,
        max_length=len(SECTIONS),
        help_text="Which sections it has; all where none are named.",
    )
    format = serializers.ChoiceField(
        choices=Report.Form.choices, default=Report.Form.PDF.value, help_text="`pdf` is signed (PAdES)."
    )


class CryptoReportSerializer(StrictSerializer):
    id = IdField(kind=IdKind.REPORT_FILE, read_only=True)
    format = serializers.ChoiceField(source="form", choices=Report.Form.choices, read_only=True)
    sections = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=Report.State.choices, read_only=True)
    progress = serializers.IntegerField(read_only=True, help_text="Per cent.")
    step = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True)
    file_name = serializers.CharField(read_only=True, help_text="Empty until it is done.")
    sha256 = serializers.CharField(read_only=True, help_text="Of the file, hexadecimal; in the ledger too.")
    asked_by = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)
    finished_at = MomentField(read_only=True, allow_null=True)

    def get_sections(self, report: Report) -> list[str]:
        return list(report.options.get("sections", SECTIONS))


class OneReportView(OneServerView):
    def report(self, server_id: str, report_file_id: str) -> Report:
        server = self.server(server_id)
        report = crypto_report_by_id(self.actor, path_id(IdKind.REPORT_FILE, report_file_id))
        if report.subject_id != server.id:
            raise NotFoundError
        return report


@extend_schema(tags=TAGS)
class CryptoReportsView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ, "POST": Permission.MCP_REPORT}
    pagination_class = CursorPages

    @extend_schema(
        summary="A server's crypto reports",
        operation_id="mcp_reports_list",
        responses=CryptoReportSerializer(many=True),
    )
    def get(self, request: Request, server_id: str) -> Response:
        """Newest first, a page at a time: follow `next`."""
        rows = crypto_reports_visible_to(self.actor).filter(subject_id=self.server(server_id).id)
        pages = CursorPages()
        page = pages.paginate_queryset(rows, request, self)
        return pages.get_paginated_response(CryptoReportSerializer(page, many=True).data)

    @extend_schema(
        summary="Have a crypto report made",
        operation_id="mcp_reports_create",
        request=CryptoReportRequestSerializer,
        responses={202: CryptoReportSerializer},
    )
    def post(self, request: Request, server_id: str) -> Response:
        """A worker makes it; follow it by its id until `state` is `done`, and fetch its `file`."""
        server = self.server(server_id)
        serializer = CryptoReportRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        chosen = serializer.validated_data.get("sections", list(SECTIONS))
        sections = [name for name in SECTIONS if name in chosen]
        report = ask_crypto_report(self.actor, server, sections=sections, form=serializer.validated_data["format"])
        return Response(CryptoReportSerializer(report).data, status=202)


@extend_schema(tags=TAGS)
class CryptoReportView(OneReportView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(
        summary="How far a crypto report is", operation_id="mcp_reports_read", responses=CryptoReportSerializer
    )
    def get(self, _request: Request, server_id: str, report_file_id: str) -> Response:
        """`progress` and `step` change while it is made: ask again until `finished_at` is set."""
        return Response(CryptoReportSerializer(self.report(server_id, report_file_id)).data)


@extend_schema(tags=TAGS)
class CryptoReportFileView(OneReportView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(
        summary="The file of a crypto report",
        operation_id="mcp_reports_file",
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "application/json"): OpenApiTypes.OBJECT,
        },
    )
    def get(self, _request: Request, server_id: str, report_file_id: str) -> HttpResponse:
        """The PDF or the JSON, as an attachment; 409 until it is done."""
        report = self.report(server_id, report_file_id)
        if report.state != Report.State.DONE or report.content is None:
            raise ReportNotReadyError(report.state)
        return file_response(bytes(report.content), report.file_name, report.content_type)
