"""Times of the day on some days, by the clock on the wall in one zone: right on the days when the clocks change.

A window from 22:00 to 06:00 belongs to the day on which it begins.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_ONE_DAY = timedelta(days=1)
OnDay = Callable[[date], bool]


def time_problems(value: Mapping[str, Any]) -> list[str]:
    problems = [
        gettext('%(name)s: Must be a time such as "09:00", in quotes.') % {"name": name}
        for name in ("from", "to")
        if not isinstance(value.get(name), str) or not _TIME.fullmatch(value[name])
    ]
    if not problems and value["from"] == value["to"]:
        problems.append(gettext("The window is empty: from and to are the same."))
    return problems


def inside(value: Mapping[str, Any], zone: ZoneInfo, on_day: OnDay) -> Callable[[float], bool]:
    """Whether a moment, in seconds since 1970, lies in the window."""
    start, end = _minutes(value["from"]), _minutes(value["to"])

    def holds(now: float) -> bool:
        local = datetime.fromtimestamp(now, zone)
        minute, today = local.hour * 60 + local.minute, local.date()
        if start < end:
            return start <= minute < end and on_day(today)
        if minute >= start:
            return on_day(today)
        return minute < end and on_day(today - _ONE_DAY)

    return holds


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def date_problems(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and _is_date(item) for item in value):
        return [gettext('%(name)s: Must be a list of dates such as "2026-12-25", in quotes.') % {"name": name}]
    return []


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
