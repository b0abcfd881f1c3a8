"""The filters of the list of MCP servers. Unknown values are refused, not ignored."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from mcp.models import McpServer, ServerStatus, VerificationStatus


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
