"""`working_hours: {days: [mon, …], from: "09:00", to: "17:00", except: ["2026-12-25"]}` in the organization's zone."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, register
from verification.policies.conditions.windows import DAYS, date_problems, inside, time_problems

if TYPE_CHECKING:
    from verification.contracts import Case


def problems(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [_("Must be an object with days, from and to.")]
    found = [
        _("Unknown field: %(name)s") % {"name": name} for name in value if name not in {"days", "from", "to", "except"}
    ]
    days = value.get("days")
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        found.append(_("days: Must be a list of %(days)s.") % {"days": ", ".join(DAYS)})
    found += date_problems(value["except"], "except") if "except" in value else []
    return found + time_problems(value)


def compiled(value: Any, facts: Facts) -> Predicate:
    days = frozenset(DAYS.index(day) for day in value["days"])
    holidays = frozenset(date.fromisoformat(text) for text in value.get("except", ()))
    within = inside(value, facts.zone, lambda day: day.weekday() in days and day not in holidays)

    def holds(case: "Case") -> bool:
        return within(case.now)

    return holds


def sentence(value: Any) -> str:
    words = _("it is %(from)s to %(to)s on %(days)s")
    if value.get("except"):
        words = _("it is %(from)s to %(to)s on %(days)s, except %(except)s")
    listed = {"days": ", ".join(value["days"]), "except": ", ".join(value.get("except", ()))}
    return words % {"from": value["from"], "to": value["to"], **listed}


register(Condition("working_hours", "Working hours", "working hours", problems, compiled, sentence))
