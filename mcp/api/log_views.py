"""The API of what is logged of a server: its single health checks, and what concerns its security."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from aim.api.serializers import IdField, MomentField, StrictSerializer
from aim.ids import IdKind
from mcp.api.filters import HealthCheckFilters, SecurityEventFilters
from mcp.api.views import TAGS, OneServerView
from mcp.event_list import events_of
from mcp.health_list import RESULTS, checks_of
from mcp.models import HealthSample, SecurityEvent


class HealthCheckSerializer(StrictSerializer):
    at = MomentField(read_only=True)
    result = serializers.ChoiceField(choices=RESULTS, read_only=True)
    check = serializers.CharField(
        source="way", read_only=True, help_text="What was asked: endpoint, handshake, or empty."
    )
    trigger = serializers.CharField(read_only=True, help_text="schedule, command, or empty.")
    http_status = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Of the health endpoint's answer, or of a handshake that was refused.",
    )
    response_ms = serializers.FloatField(read_only=True, allow_null=True, help_text="What the server itself took.")
    error_code = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True, help_text="Has hostile text in it.")


class SecurityEventSerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_EVENT, read_only=True)
    at = MomentField(read_only=True)
    severity = serializers.ChoiceField(choices=SecurityEvent.Severity.choices, read_only=True)
    kind = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True, help_text="Has hostile text in it.")
    data = serializers.DictField(read_only=True)  # type: ignore[assignment]


class LogView(OneServerView, GenericAPIView[Any]):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    def answer(self, rows: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(tags=TAGS)
class HealthChecksView(LogView):
    filterset_class = HealthCheckFilters
    serializer_class = HealthCheckSerializer
    queryset = HealthSample.objects.none()

    @extend_schema(
        summary="A server's single health checks",
        operation_id="mcp_health_checks_list",
        responses=HealthCheckSerializer(many=True),
    )
    def get(self, _request: Request, server_id: str) -> Response:
        """Those of the last two weeks, newest first, a page at a time: follow `next`."""
        return self.answer(checks_of(self.server(server_id)))


@extend_schema(tags=TAGS)
class SecurityEventsView(LogView):
    filterset_class = SecurityEventFilters
    serializer_class = SecurityEventSerializer
    queryset = SecurityEvent.objects.none()

    @extend_schema(
        summary="What concerns a server's security",
        operation_id="mcp_security_events_list",
        responses=SecurityEventSerializer(many=True),
    )
    def get(self, _request: Request, server_id: str) -> Response:
        """Newest first, a page at a time: follow `next`."""
        return self.answer(events_of(self.server(server_id), []))
