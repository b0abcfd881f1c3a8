"""The filters of MCP servers and of what is logged of them. Unknown values are refused, not ignored."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from aim.api.filters import MomentFilter
from mcp.health_list import RESULTS, with_result
from mcp.models import HealthSample, McpServer, SecurityEvent, ServerStatus, VerificationStatus


class ServerFilters(filters.FilterSet):  # type: ignore[misc]
    status = filters.MultipleChoiceFilter(choices=ServerStatus.choices)
    verification = filters.MultipleChoiceFilter(choices=VerificationStatus.choices)
    q = filters.CharFilter(method="containing", max_length=200, help_text="Part of the names, address or description.")

    class Meta:
        model = McpServer
        fields: ClassVar[list[str]] = []

    def containing(self, rows: QuerySet[McpServer], _name: str, value: Any) -> QuerySet[McpServer]:
        return rows.filter(
            Q(name__icontains=value)
            | Q(display_name__icontains=value)
            | Q(url__icontains=value)
            | Q(description__icontains=value)
        )


class HealthCheckFilters(filters.FilterSet):  # type: ignore[misc]
    result = filters.ChoiceFilter(method="ended", choices=RESULTS)
    since = MomentFilter(field_name="at", lookup_expr="gte")
    until = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = HealthSample
        fields: ClassVar[list[str]] = []

    def ended(self, rows: QuerySet[HealthSample], _name: str, value: str) -> QuerySet[HealthSample]:
        return with_result(rows, value)


class SecurityEventFilters(filters.FilterSet):  # type: ignore[misc]
    severity = filters.MultipleChoiceFilter(choices=SecurityEvent.Severity.choices)
    since = MomentFilter(field_name="at", lookup_expr="gte")
    until = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = SecurityEvent
        fields: ClassVar[list[str]] = []
