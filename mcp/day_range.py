"""The filter of days that a server's lists have: a first and a last day, both in the organization's zone."""

from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date

_Row = TypeVar("_Row", bound=Model)


def read_day(text: str) -> date | None:
    """The day as the browser writes it; None for what is no day."""
    try:
        return parse_date(text) if text else None
    except ValueError:
        return None


def within_days(rows: QuerySet[_Row], field: str, begin: date | None, end: date | None) -> QuerySet[_Row]:
    """The rows whose `field` lies on `begin`, on `end` or between; a day that is None is no bound."""
    zone = timezone.get_current_timezone()
    bounds: dict[str, Any] = {}
    if begin:
        bounds[f"{field}__gte"] = datetime.combine(begin, time.min, zone)
    if end and end < date.max:
        bounds[f"{field}__lt"] = datetime.combine(end + timedelta(days=1), time.min, zone)
    return rows.filter(**bounds)
