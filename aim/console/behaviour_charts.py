"""Charts of what somebody usually does: the hours of a week, and how unlike the usual the last acts were."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import formats, timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext

from aim.console.charts import Bar, Chart, Column, Line

DAYS, HOURS = 7, 24
_CELL, _GAP, _FOOT = 16, 2, 18
_TOP, _FLOOR = 8, 6
_LEAST_BAR = 1.5
_HIGHEST = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week. `share` is 0 to 1 of the busiest hour, for the strength of its colour; empty for nothing."""

    x: str
    y: int
    width: str
    share: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Heat:
    """Seven strips of 24 hours, with the same as a table of hours by day."""

    height: int
    cell: int = _CELL
    cells: list[Cell] = field(default_factory=list)
    days: list[Label] = field(default_factory=list)
    hours: list[Label] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    busiest: str = ""
    """In words, such as "Tuesday 14:00"; empty where nothing is known."""


def heat_chart(shares: Sequence[float]) -> Heat:
    """168 shares of the whole week, from Monday midnight on."""
    most = max(shares, default=0.0)
    step = 100 / HOURS
    cells = []
    for day in range(DAYS):
        for hour in range(HOURS):
            value = shares[day * HOURS + hour] if most else 0.0
            title = gettext("%(day)s %(hour)s: %(share)s") % {
                "day": WEEKDAYS[day],
                "hour": _hour(hour),
                "share": _percent(value),
            }
            strength = f"{value / most:.3f}" if value else ""
            x, y = f"{hour * step:.3f}%", day * (_CELL + _GAP)
            cells.append(Cell(x, y, f"{step * 0.9:.3f}%", strength, title))
    at = max(range(len(shares)), key=shares.__getitem__) if most else None
    return Heat(
        height=DAYS * (_CELL + _GAP) + _FOOT,
        cells=cells,
        days=[Label(str(day * (_CELL + _GAP) + _CELL // 2), str(WEEKDAYS_ABBR[day])) for day in range(DAYS)],
        hours=[Label(f"{hour * step:.3f}%", _hour(hour)) for hour in range(0, HOURS, 6)],
        heads=[gettext("Hour"), *(str(WEEKDAYS_ABBR[day]) for day in range(DAYS))],
        rows=[
            [_hour(hour), *(_percent(shares[day * HOURS + hour] if most else 0.0) for day in range(DAYS))]
            for hour in range(HOURS)
        ],
        busiest="" if at is None else f"{WEEKDAYS[at // HOURS]} {_hour(at % HOURS)}",
    )


@dataclass(frozen=True, slots=True)
class Score:
    """How unlike its agent a decision was, 0 to 100."""

    at: datetime
    percent: int
    title: str
    url: str


def score_chart(scores: Sequence[Score], *, threshold: int, height: int = 132) -> Chart:
    """One bar a decision, oldest first, with the line from which on something is done."""
    lower = height - _FLOOR

    def y_of(percent: float) -> float:
        return round(_TOP + (lower - _TOP) * (1 - percent / _HIGHEST), 1)

    step = 100 / max(1, len(scores))
    bars, columns = [], []
    for index, score in enumerate(scores):
        x, wide = f"{index * step:.2f}%", f"{step:.2f}%"
        tall = max(_LEAST_BAR, lower - y_of(score.percent))
        kind = "waiting" if score.percent >= threshold else "approved"
        bars.append(Bar(kind, x, round(lower - tall, 1), f"{step * 0.8:.2f}%", round(tall, 1)))
        columns.append(Column(x, wide, score.title, score.url))
    return Chart(
        height=height,
        upper=y_of(threshold),
        lower=lower,
        grid=[Line(y_of(_HIGHEST), "100 %"), Line(y_of(threshold), f"{threshold} %", "threshold"), Line(y_of(0), "0")],
        bars=bars,
        columns=columns,
        heads=[gettext("Time"), gettext("Score"), gettext("Made of")],
        rows=[
            [formats.date_format(timezone.localtime(score.at), "j M H:i:s"), f"{score.percent} %", score.title]
            for score in scores
        ],
    )


def _hour(hour: int) -> str:
    return f"{hour:02}:00"


def _percent(share: float) -> str:
    return f"{formats.number_format(round(share * 100, 1), 1)} %"
