"""Filters that refuse what they do not know: a misspelt filter must not answer with everything."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend, IsoDateTimeFilter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

_OF_PAGES = frozenset({"cursor", "limit"})


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset_class = self.get_filterset_class(view, queryset)
        known = set(filterset_class.base_filters if filterset_class else ()) | _OF_PAGES
        unknown = [name for name in request.query_params if name not in known]
        if unknown:
            problem = "unknown_filter"
            raise ValidationError({name: [ErrorDetail(f"Unknown filter: {name}", code=problem)] for name in unknown})
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


class MomentFilter(IsoDateTimeFilter):  # type: ignore[misc]
    """A moment with any offset that ISO 8601 allows; PostgreSQL itself takes no more than 16 hours."""

    def filter(self, qs: QuerySet[Any], value: datetime | None) -> QuerySet[Any]:
        if value:
            try:
                value = value.astimezone(UTC)
            except OverflowError:
                # Within a day of the first or the last moment there is: nothing was recorded near either.
                value = value.replace(tzinfo=UTC)
        filtered: QuerySet[Any] = super().filter(qs, value)
        return filtered
