"""Charts as numbers for SVG, computed here and drawn by templates, each with the same content as a table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache

from django.utils import formats, timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from aim.console.numbers import figure

_LEAST_DENIED = 1.5
_BOTTOM = 20
_TOP = 8
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A level across the plot, or with `path` a curve in it; `y` is where its words stand."""

    y: float
    label: str = ""
    kind: str = "grid"
    name: str = ""
    value: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: str
    y: float
    width: str
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """The whole height over one bucket: what stands under the pointer, and the link to its rows."""

    x: str
    width: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Event:
    x: str
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Heights are pixels; across, everything is a share of the plot, so that words keep their size at every width."""

    height: int
    lower: float = 0
    upper: float = 0
    grid: list[Line] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Decisions that began in the same stretch of time; `waiting` are those that asked a person."""

    start: datetime
    approved: int
    denied: int
    waiting: int


def volume_chart(
    buckets: Sequence[Bucket], *, height: int = 168, small: bool = False, url: Callable[[Bucket], str] | None = None
) -> Chart:
    """Approved above in ink; denied and waiting below on a scale of their own, as 2 % vanish in one stack.

    `small` leaves out the grid, as in a strip of figures.
    """
    lower = height - _BOTTOM
    upper = round(lower * 0.64)
    room = lower - upper - round(lower * 0.08)
    top = nice_top(max((bucket.approved for bucket in buckets), default=0))
    top_below = nice_top(max((bucket.denied + bucket.waiting for bucket in buckets), default=0))
    step = 100 / max(1, len(buckets))
    bars: list[Bar] = []
    columns: list[Column] = []
    rows = [_row(bucket) for bucket in buckets]
    sentence = gettext("%(time)s: %(approved)s approved, %(denied)s denied, %(waiting)s waiting")
    for index, bucket in enumerate(buckets):
        x, wide = _share(index * step), _share(step * 0.8)
        if bucket.approved:
            tall = (upper - _TOP) * bucket.approved / top
            bars.append(Bar("approved", x, round(upper - tall, 1), wide, round(tall, 1)))
        y = float(lower)
        for kind, count in (("denied", bucket.denied), ("waiting", bucket.waiting)):
            if count:
                tall = max(_LEAST_DENIED, room * count / top_below)
                y -= tall
                bars.append(Bar(kind, x, round(y, 1), wide, round(tall, 1)))
        if url:
            columns.append(Column(x, _share(step), sentence % rows[index], url(bucket)))
    middle = _TOP + (upper - _TOP) / 2
    grid = [Line(_TOP, _short(top)), Line(middle, _short(top / 2)), Line(lower - room, _short(top_below))]
    return Chart(
        height=height,
        upper=upper,
        lower=lower,
        grid=[] if small else grid,
        ticks=time_ticks([bucket.start for bucket in buckets], most=3 if small else _MOST_TICKS),
        bars=bars,
        columns=columns,
        heads=[gettext("Time"), gettext("Approved"), gettext("Denied"), gettext("Waiting")],
        rows=[list(row.values()) for row in rows],
    )


def _row(bucket: Bucket) -> dict[str, str]:
    counts = {"approved": bucket.approved, "denied": bucket.denied, "waiting": bucket.waiting}
    return {"time": _time(bucket.start), **{name: figure(count) for name, count in counts.items()}}


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the request to the answer; None where nothing was decided."""

    start: datetime
    p50: float | None
    p95: float | None
    p99: float | None


def latency_chart(points: Sequence[Latency], *, height: int = 180) -> Chart:
    """On a logarithmic scale from 1 to 500 ms, with the two promises drawn and named."""
    lower = height - _BOTTOM
    low, high = 1.0, 500.0

    def y_of(value: float) -> float:
        share = math.log(min(max(value, low), high) / low) / math.log(high / low)
        return round(_TOP + (lower - _TOP) * (1 - share), 1)

    grid = [
        Line(y_of(500), "500", "promise", gettext("p99 promise")),
        Line(y_of(100), "100", "promise", gettext("avg promise")),
        Line(y_of(10), "10"),
        Line(y_of(1), "1", "axis"),
    ]
    step = 100 / max(1, len(points) - 1)
    lines: list[Line] = []
    for name in ("p99", "p95", "p50"):
        values = [getattr(point, name) for point in points]
        known = [(round(index * step, 2), y_of(value)) for index, value in enumerate(values) if value is not None]
        if len(known) == 1:
            # One point is no line: it is drawn as wide as its period.
            (x, y), half = known[0], step / 2
            known = [(round(max(0, x - half), 2), y), (round(min(100, x + half), 2), y)]
        if known:
            last = next(value for value in reversed(values) if value is not None)
            words = f"{formats.number_format(round(last, 1), 1)} ms"
            lines.append(Line(known[-1][1], kind=name, name=name, value=words, path=path_of(known)))
    lines = _apart(lines)
    return Chart(
        height=height,
        lower=lower,
        # A promise is named where no figure stands: its line is drawn either way.
        grid=[line if _is_free(line.y, lines) else replace(line, name="") for line in grid],
        ticks=time_ticks([point.start for point in points], most=5),
        lines=lines,
        heads=[gettext("Time"), "p50", "p95", "p99"],
        rows=[[_time(point.start), *(_ms(value) for value in (point.p50, point.p95, point.p99))] for point in points],
    )


def _is_free(y: float, lines: Sequence[Line], room: float = 13) -> bool:
    return all(abs(line.y - y) >= room for line in lines)


def _apart(lines: list[Line], room: float = 13) -> list[Line]:
    """The words at the right end, moved down where they would stand on each other."""
    placed: list[Line] = []
    below = -room
    for line in sorted(lines, key=lambda line: line.y):
        y = max(line.y, below + room)
        placed.append(Line(y, line.label, line.kind, line.name, line.value, line.path))
        below = y
    return placed


@dataclass(frozen=True, slots=True)
class Trust:
    """A score and what led to it."""

    at: datetime
    score: float
    reason: str = ""


def trust_chart(
    points: Sequence[Trust], *, minimum: float, suspend: float, until: datetime, height: int = 168
) -> Chart:
    """The score as steps: it stays what it is until an event moves it."""
    lower = height - _BOTTOM
    begin = points[0].at if points else until
    span = max(1.0, (until - begin).total_seconds())

    def y_of(score: float) -> float:
        return round(_TOP + (lower - _TOP) * (1 - score / 100), 1)

    def x_of(at: datetime) -> float:
        return round(100 * (at - begin).total_seconds() / span, 2)

    corners: list[tuple[float, float]] = []
    for point in points:
        if corners:
            corners.append((x_of(point.at), corners[-1][1]))
        corners.append((x_of(point.at), y_of(point.score)))
    if corners:
        corners.append((100.0, corners[-1][1]))
    grid = [
        Line(y_of(100), "100"),
        Line(y_of(minimum), _short(minimum), "threshold", gettext("needs")),
        Line(y_of(suspend), _short(suspend), "suspend", gettext("suspends")),
        Line(y_of(0), "0", "axis"),
    ]
    steps = [begin + (until - begin) * index / 24 for index in range(24)]
    return Chart(
        height=height,
        lower=lower,
        grid=grid,
        ticks=time_ticks(steps, most=5),
        lines=[Line(corners[-1][1], kind="level", path=path_of(corners))] if corners else [],
        events=[
            Event(
                _share(x_of(point.at)),
                y_of(point.score),
                f"{_time(point.at)}: {_short(point.score)} {point.reason}".strip(),
            )
            for point in points
        ],
        heads=[gettext("Time"), gettext("Trust"), gettext("Reason")],
        rows=[[_time(point.at), _short(point.score), point.reason] for point in points],
    )


def drawn_bars(chart: Chart) -> SafeString:
    """The bars as SVG; a template would write each of their numbers as the language does, one after the other."""
    # Numbers and words of the program alone, which need no escaping.
    return SafeString(
        "".join(
            f'<rect class="{bar.kind}" x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}"/>'
            for bar in chart.bars
        )
    )


def drawn_columns(chart: Chart) -> SafeString:
    """What stands under the pointer over each bucket, as SVG."""
    return format_html_join(
        "",
        '<a href="{}" tabindex="-1" aria-label="{}">'
        '<rect class="column" x="{}" width="{}" height="{}"><title>{}</title></rect></a>',
        ((column.url, column.title, column.x, column.width, chart.lower, column.title) for column in chart.columns),
    )


def drawn_cells(rows: Sequence[Sequence[str]]) -> SafeString:
    """The rows of a chart's table."""
    return format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )


def sparkline(values: Sequence[float], width: int = 84, height: int = 20) -> str:
    """The path of a line without axes; empty where nothing happened."""
    if not any(values):
        return ""
    top, room = max(values), height - 4
    step = width / max(1, len(values) - 1)
    return path_of([(round(i * step, 1), round(2 + room * (1 - value / top), 1)) for i, value in enumerate(values)])


def path_of(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def nice_top(most: float) -> float:
    """The end of a scale: 1, 2 or 5 times a power of ten, at least the value and at least 1."""
    if most <= 1:
        return 1
    power = 10 ** math.floor(math.log10(most))
    return next(float(step * power) for step in (1, 2, 5, 10) if most <= step * power)


def time_ticks(moments: Sequence[datetime], *, most: int) -> list[Tick]:
    """Labels under some of the moments, evenly; days where the whole is longer than two."""
    if not moments:
        return []
    days = (moments[-1] - moments[0]).total_seconds() > 2 * 24 * 3600
    every = max(1, math.ceil(len(moments) / most))
    shape = "j M" if days else "H:i"
    return [
        Tick(_share(100 * index / len(moments)), formats.date_format(timezone.localtime(moment), shape))
        for index, moment in enumerate(moments)
        if index % every == 0
    ]


def _share(value: float) -> str:
    return f"{value:.2f}%"


def _time(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{_day(local.date(), get_language())} {local:%H:%M}"


@lru_cache(maxsize=512)
def _day(day: date, _language: str | None) -> str:
    return formats.date_format(day, "j M")


def _short(value: float) -> str:
    return formats.number_format(value, 0 if float(value).is_integer() else 1, force_grouping=True)


def _ms(value: float | None) -> str:
    return "–" if value is None else formats.number_format(value, 1)
