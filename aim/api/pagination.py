"""Pages by key: as quick on the last page as on the first, and no row is skipped or shown twice while others arrive."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)
_OLDER, _NEWER = b"o", b"n"
_LENGTH = 17


class Cursor(NamedTuple):
    """Where a page starts: next to the row of this id, on its older or newer side."""

    newer: bool
    id: UUID

    def encode(self) -> str:
        return urlsafe_b64encode((_NEWER if self.newer else _OLDER) + self.id.bytes).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises `ValueError` for any text that `encode` did not write."""
        try:
            raw = urlsafe_b64decode(text + "=")
        except ValueError:  # binascii.Error is one, and so is what non-ASCII text raises
            raise ValueError("Not a cursor") from None
        if len(raw) != _LENGTH or raw[:1] not in {_OLDER, _NEWER}:
            raise ValueError("Not a cursor")
        cursor = cls(newer=raw[:1] == _NEWER, id=UUID(bytes=raw[1:]))
        if cursor.encode() != text:
            raise ValueError("Not a cursor")
        return cursor


class CursorPages(BasePagination):
    """Newest first by UUIDv7 `id`. Query: `limit` (1 to 200, default 50) and `cursor` (from `next`, `previous`)."""

    default_limit = 50
    max_limit = 200

    def paginate_queryset(
        self,
        queryset: QuerySet[Any] | Sequence[Any],
        request: Request,
        view: APIView | None = None,  # noqa: ARG002 - DRF's signature
    ) -> list[Any]:
        self.request = request
        limit, cursor = self.asked(request)
        rows = self.rows_beside(queryset, cursor, limit + 1)
        more = len(rows) > limit
        rows = rows[:limit]
        newer = cursor is not None and cursor.newer
        if newer:
            rows.reverse()
        # On the side that we came from there is at least the row that the cursor names.
        self.next = Cursor(newer=False, id=rows[-1].id) if rows and (more or newer) else None
        self.previous = Cursor(newer=True, id=rows[0].id) if rows and (more if newer else cursor) else None
        return rows

    def rows_beside(self, queryset: QuerySet[Any] | Sequence[Any], cursor: Cursor | None, count: int) -> list[Any]:
        """The next rows from the cursor, in the direction it points to, at most so many."""
        assert isinstance(queryset, QuerySet)
        return list(beside(queryset, cursor)[:count])

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self._link(self.next), "previous": self._link(self.previous)})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:  # noqa: ARG002 - DRF's signature
        limits = {"type": "integer", "minimum": 1, "maximum": self.max_limit, "default": self.default_limit}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limits, "description": "Rows on a page."},
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "Taken from `next` or `previous` of another page.",
            },
        ]

    @classmethod
    def asked(cls, request: Request) -> tuple[int, Cursor | None]:
        """How many rows the request asks for, and where they start. Raises `ValidationError`."""
        errors: dict[str, list[ErrorDetail]] = {}
        limit, cursor = cls.default_limit, None
        if (text := request.query_params.get("limit")) is not None:
            limit = int(text) if _LIMIT.fullmatch(text) else 0
            if not 1 <= limit <= cls.max_limit:
                message = f"The limit must be a whole number from 1 to {cls.max_limit}."
                errors["limit"] = [ErrorDetail(message, code="invalid")]
        if (text := request.query_params.get("cursor")) is not None:
            try:
                cursor = Cursor.decode(text)
            except ValueError:
                message = "Not a cursor of this list. Take it from `next` or `previous`."
                errors["cursor"] = [ErrorDetail(message, code="invalid")]
        if errors:
            raise ValidationError(errors)
        return limit, cursor

    def _link(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor.encode())


class CountedPages(CursorPages):
    """Pages that also tell how many rows there are on all of them, as far as `COUNTED`; for lists that stay short."""

    COUNTED = 10_000

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        assert isinstance(queryset, QuerySet)
        self.count = queryset.order_by()[: self.COUNTED].count()
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response.data["count"] = self.count
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        count = {"type": "integer", "description": f"Rows on all pages, {self.COUNTED} if there are more."}
        described["properties"]["count"] = count
        described["required"].append("count")
        return described


def beside(queryset: QuerySet[Any], cursor: Cursor | None) -> QuerySet[Any]:
    """The rows from the cursor on, nearest first."""
    if cursor is None:
        return queryset.order_by("-id")
    if cursor.newer:
        return queryset.filter(id__gt=cursor.id).order_by("id")
    return queryset.filter(id__lt=cursor.id).order_by("-id")
