"""`recurrence: {from: "01:00", to: "03:00", days_of_month: [1, -1], months: [1]}`: a job's own times, in the
organization's zone. -1 is the last day of the month.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, register
from verification.policies.conditions.windows import inside, time_problems

if TYPE_CHECKING:
    from verification.contracts import Case

_LAST_DAY = 31
_LAST_MONTH = 12


def problems(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [_("Must be an object with from and to, and days_of_month or months.")]
    found = [
        _("Unknown field: %(name)s") % {"name": name}
        for name in value
        if name not in {"days_of_month", "months", "from", "to"}
    ]
    if "days_of_month" in value and not _numbers(value["days_of_month"], -_LAST_DAY, _LAST_DAY):
        found.append(_("days_of_month: Must be a list of days from 1 to 31, or from -1 (the last) to -31."))
    if "months" in value and not _numbers(value["months"], 1, _LAST_MONTH):
        found.append(_("months: Must be a list of months from 1 to 12."))
    return found + time_problems(value)


def _numbers(value: Any, low: int, high: int) -> bool:
    return isinstance(value, list) and bool(value) and all(type(n) is int and n and low <= n <= high for n in value)


def compiled(value: Any, facts: Facts) -> Predicate:
    days, months = frozenset(value.get("days_of_month", ())), frozenset(value.get("months", ()))

    def on_day(day: date) -> bool:
        from_the_end = day.day - monthrange(day.year, day.month)[1] - 1
        return (not months or day.month in months) and (not days or day.day in days or from_the_end in days)

    within = inside(value, facts.zone, on_day)

    def holds(case: "Case") -> bool:
        return within(case.now)

    return holds


def sentence(value: Any) -> str:
    days, months = value.get("days_of_month", ()), value.get("months", ())
    if days and months:
        words = _("it is %(from)s to %(to)s on day %(days)s of the month in month %(months)s")
    elif days:
        words = _("it is %(from)s to %(to)s on day %(days)s of the month")
    elif months:
        words = _("it is %(from)s to %(to)s in month %(months)s")
    else:
        words = _("it is %(from)s to %(to)s")
    listed = {"days": ", ".join(map(str, days)), "months": ", ".join(map(str, months))}
    return words % {"from": value["from"], "to": value["to"], **listed}


register(Condition("recurrence", "Recurring time", "recurring time", problems, compiled, sentence))
