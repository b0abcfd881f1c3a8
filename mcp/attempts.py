"""A server's verification history: what was asked and came of it, filtered, as a trend and as CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.http import QueryDict
from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from aim.console.charts import Chart, Event, Line, Tick, path_of
from aim.console.lists import Page, chosen_order, keyset_page
from mcp.day_range import read_day, within_days
from mcp.models import McpServer, VerificationRun

STATES: Mapping[str, Promise] = {"succeeded": _("Success"), "failed": _("Failed"), "abandoned": _("Abandoned")}
METHODS = tuple(VerificationRun.Method.values)
_HEIGHT, _TOP, _BOTTOM = 148, 8, 20
_MOST_TICKS = 8
_COLUMNS = (
    "timestamp",
    "purpose",
    "method",
    "trigger",
    "status",
    "duration_ms",
    "response_ms",
    "key_fingerprint",
    "error_code",
    "error_message",
)


@dataclass(frozen=True, slots=True)
class AttemptFilters:
    """What the address asks for; what is no date, state or method is left out."""

    begin: date | None
    end: date | None
    state: str
    method: str

    @classmethod
    def read(cls, parameters: QueryDict) -> "AttemptFilters":
        state, method = parameters.get("result", ""), parameters.get("method", "")
        return cls(
            begin=read_day(parameters.get("from", "")),
            end=read_day(parameters.get("to", "")),
            state=state if state in STATES else "",
            method=method if method in METHODS else "",
        )

    @property
    def any(self) -> bool:
        return bool(self.begin or self.end or self.state or self.method)

    def narrow(self, runs: QuerySet[VerificationRun]) -> QuerySet[VerificationRun]:
        runs = within_days(runs, "created_at", self.begin, self.end)
        if self.state:
            runs = runs.filter(state=self.state)
        if self.method:
            runs = runs.filter(method=self.method)
        return runs


def runs_of(server: McpServer) -> QuerySet[VerificationRun]:
    return VerificationRun.objects.filter(server=server).select_related("key", "started_by")


def attempts_page(server: McpServer, parameters: QueryDict, filters: AttemptFilters) -> Page[VerificationRun]:
    runs = filters.narrow(runs_of(server))
    order = chosen_order(QueryDict("sort=-at"), {"at": "id"}, default="-at")
    return keyset_page(runs, order, parameters, total=runs.order_by().count())


def attempts_csv(server: McpServer, filters: AttemptFilters) -> Iterator[list[Any]]:
    """The head and the rows, newest first."""
    yield list(_COLUMNS)
    for run in filters.narrow(runs_of(server)).iterator(chunk_size=500):
        yield [
            run.created_at.isoformat(),
            run.purpose,
            run.method,
            run.trigger,
            run.state,
            _rounded(run.duration_ms),
            _rounded(run.response_ms),
            run.key.fingerprint if run.key else "",
            run.error_code,
            run.error,
        ]


def trend_of(server: McpServer, filters: AttemptFilters) -> Chart | None:
    """The share that succeeded, day by day, of what the filters of days and method let through."""
    counted = AttemptFilters(filters.begin, filters.end, "", filters.method)
    rows = (
        counted.narrow(VerificationRun.objects.filter(server=server, state__in=("succeeded", "failed")))
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(total=Count("id"), good=Count("id", filter=Q(state="succeeded")))
        .order_by("day")
    )
    days = [(row["day"], row["total"], row["good"]) for row in rows]
    return _chart(days) if days else None


def _chart(days: list[tuple[date, int, int]]) -> Chart:
    first, last = days[0][0], days[-1][0]
    span = max(1, (last - first).days)
    lower = _HEIGHT - _BOTTOM

    def x_of(day: date) -> float:
        return round(100 * (day - first).days / span, 2) if len(days) > 1 else 50.0

    def y_of(share: float) -> float:
        return round(_TOP + (lower - _TOP) * (1 - share / 100), 1)

    points = [(x_of(day), y_of(100 * good / total)) for day, total, good in days]
    if len(points) == 1:
        points = [(0.0, points[0][1]), (100.0, points[0][1])]
    share = 100 * days[-1][2] / days[-1][1]
    every = max(1, -(-len(days) // _MOST_TICKS))
    return Chart(
        height=_HEIGHT,
        lower=lower,
        grid=[Line(y_of(100), "100"), Line(y_of(50), "50"), Line(y_of(0), "0", "axis")],
        ticks=[Tick(f"{x_of(day)}%", _day(day)) for index, (day, _t, _g) in enumerate(days[:-1]) if index % every == 0],
        lines=[
            Line(
                points[-1][1], kind="level", name=gettext("success"), value=f"{_number(share)} %", path=path_of(points)
            ),
        ],
        events=[
            Event(
                f"{x_of(day)}%",
                y_of(100 * good / total),
                gettext("%(day)s: %(good)d of %(total)d") % _words(day, good, total),
            )
            for day, total, good in days
        ],
        heads=[gettext("Day"), gettext("Attempts"), gettext("Succeeded"), gettext("Share, %")],
        rows=[[_day(day), str(total), str(good), _number(100 * good / total)] for day, total, good in days],
    )


def _words(day: date, good: int, total: int) -> dict[str, object]:
    return {"day": _day(day), "good": good, "total": total}


def _day(day: date) -> str:
    return formats.date_format(day, "j M")


def _number(value: float) -> str:
    return formats.number_format(round(value, 1), 0 if float(value).is_integer() else 1)


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 1)
