"""Pages of ledger entries, put together from the two places where they are found by organization."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from aim.api.pagination import Cursor, CursorPages, beside
from aim.ledger.models import Entry


class EntryPages(CursorPages):
    """Takes the entries that are no decisions, and the decisions; answers entries, newest first."""

    def rows_beside(self, queryset: QuerySet[Any] | Sequence[Any], cursor: Cursor | None, count: int) -> list[Any]:
        found = [row for part in queryset for row in beside(part, cursor).values_list("id", flat=True)[:count]]
        ids = sorted(found, reverse=cursor is None or not cursor.newer)[:count]
        entries = Entry.objects.in_bulk(ids)
        return [entries[entry_id] for entry_id in ids if entry_id in entries]
