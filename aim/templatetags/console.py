"""The tags and filters of the console's templates. They are built in: no template loads them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, ClearableFileInput, RadioSelect
from django.http import HttpRequest, QueryDict
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext, ngettext
from lucide.templatetags.lucide import lucide

from aim import clock
from aim.console import rows
from aim.console.addresses import address_of, known_url
from aim.console.charts import drawn_bars, drawn_cells, drawn_columns
from aim.console.comb import drawn, waterfall
from aim.console.numbers import figure
from aim.console.parts import drawn_sparkline, kept_include, kept_part, monogram, named_object, share_of, trust
from aim.console.toasts import step_of

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SECOND_MS = 1000
_SHAPES = {
    "clock": "H:i:s",
    "minute": "H:i",
    "day": "j M",
    "date": "j M Y",
    "short": "j M H:i",
    "exact": "D j M Y, H:i:s",
    "long": "l j F, H:i",
}
_DAYS = {"day", "date"}
"""Shapes without a time, which all rows of a day share."""
_ELLIPSIS = "…"

register.filter("step_of", step_of)
register.filter("comb", drawn)
register.filter("waterfall", waterfall)
register.filter("chart_bars", drawn_bars)
register.filter("chart_cells", drawn_cells)
register.filter("chart_columns", drawn_columns)
register.filter("monogram", monogram)
register.filter("number", figure)
register.filter("share_of", share_of)
register.simple_tag(drawn_sparkline, name="sparkline")
register.simple_tag(named_object, name="object")
register.simple_tag(trust, name="trust")
register.simple_tag(address_of, name="address")
register.simple_tag(known_url, name="known_url")


@register.simple_tag
def kept(component: str, **arguments: Any) -> SafeString:
    """A component that stands in every row of a list, drawn once: `{% kept "status" status=agent.status %}`.

    For those that `aim.console.parts.kept_part` names: their HTML depends on their arguments alone.
    """
    return kept_part(
        component, {name: str(value) if isinstance(value, Promise) else value for name, value in arguments.items()}
    )


@register.simple_tag(name="kept_include")
def kept_template(template: str, csrf_token: object = None, **arguments: Any) -> SafeString:
    """A part of the frame, drawn once: `{% kept_include "accounts/bell.html" unread=shell.unread %}`.

    Its HTML depends on its arguments and the language alone; `csrf_token` is for the forms in it.
    """
    return kept_include(template, arguments, csrf_token)


class _RowsNode(template.Node):
    def __init__(self, cells: FilterExpression, markup: NodeList) -> None:
        self._cells, self._markup = cells, markup

    def render(self, context: Context) -> SafeString:
        cells: Iterable[Mapping[str, object]] = self._cells.resolve(context)
        with context.push(cell=rows.Marks()):
            return rows.fill(self._markup.render(context), cells)


@register.tag(name="rows")
def rows_tag(parser: Parser, token: Token) -> _RowsNode:
    """`{% rows cells %}…{{ cell.name }}…{% endrows %}`: drawn once, filled in for each row (`aim.console.rows`)."""
    _name, cells = token.split_contents()
    markup = parser.parse(("endrows",))
    parser.delete_first_token()
    return _RowsNode(parser.compile_filter(cells), markup)


class _WhereNode(template.Node):
    def __init__(self, name: FilterExpression, markup: NodeList) -> None:
        self._name, self._markup = name, markup

    def render(self, context: Context) -> SafeString:
        return SafeString(rows.begin(self._name.resolve(context)) + self._markup.render(context) + rows.end())


@register.tag(name="where")
def where_tag(parser: Parser, token: Token) -> _WhereNode:
    """Within `rows`: `{% where "warning" %}…{% endwhere %}` stands in the rows whose `warning` is true."""
    _name, name = token.split_contents()
    markup = parser.parse(("endwhere",))
    parser.delete_first_token()
    return _WhereNode(parser.compile_filter(name), markup)


@register.filter
def naming(words: str, name: object) -> str:
    """`{{ select|naming:agent.name }}`: words that were translated before the loop, with the name of a row in them."""
    return words % {"name": name}


@register.simple_tag
def icon(name: str, size: int = 16, css: str = "") -> str:
    """An icon of the set, decorative: what it means stands beside it in words."""
    return _drawn(str(name), int(size), str(css))


@lru_cache(maxsize=512)
def _drawn(name: str, size: int, css: str) -> str:
    classes = f"icon {css}".strip()
    return lucide(name, size=size, stroke_width="1.75", aria_hidden="true", focusable="false", **{"class": classes})


@register.simple_tag
def moment(value: datetime | None, shape: str = "short", missing: str = "–") -> SafeString | str:
    """A time in the organization's zone, with the exact UTC under the pointer. Shapes: `_SHAPES` and `ago`."""
    if value is None:
        return missing
    local = timezone.localtime(value)
    if shape == "ago":
        words = ago(value)
    elif shape == "clock":
        words = f"{local:%H:%M:%S}"
    elif shape in _DAYS:
        words = _day(local.date(), shape, get_language())
    else:
        words = formats.date_format(local, _SHAPES[shape])
    exact = clock.show_time(value)
    title = f"{exact[:10]} {exact[11:-1]} UTC"
    if not isinstance(timezone.get_current_timezone(), ZoneInfo) or local.utcoffset():
        title = f"{_day(local.date(), 'date', get_language())}, {local:%H:%M:%S} {local.tzname()}\n{title}"
    return SafeString(f'<time datetime="{exact}" title="{rows.escaped(title)}">{rows.escaped(words)}</time>')


@lru_cache(maxsize=512)
def _day(day: date, shape: str, _language: str | None) -> str:
    return formats.date_format(day, _SHAPES[shape])


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago, in the shortest words: now, 12 min, 3 h, 61 d; nothing for what never was."""
    if value is None:
        return ""
    seconds = (clock.now() - value).total_seconds()
    if seconds < _MINUTE:
        return gettext("now")
    if seconds < _HOUR:
        return gettext("%(n)d min") % {"n": seconds // _MINUTE}
    if seconds < _DAY:
        return gettext("%(n)d h") % {"n": seconds // _HOUR}
    return gettext("%(n)d d") % {"n": seconds // _DAY}


@register.filter
def from_now(value: datetime) -> str:
    """How far away a moment is, as it is said in a sentence: just now, 2 days ago, in 22 hours."""
    seconds = (value - clock.now()).total_seconds()
    if seconds > 0:
        # What is to come in 6 days, 23 hours and 59 minutes was to come in 7 days when the page was asked for.
        return gettext("in %(time)s") % {"time": _length(seconds + _MINUTE)}
    return gettext("just now") if seconds > -_MINUTE else gettext("%(time)s ago") % {"time": _length(-seconds)}


def _length(seconds: float) -> str:
    """Of a minute or more, in its largest whole unit."""
    if days := int(seconds // _DAY):
        return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    if hours := int(seconds // _HOUR):
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    minutes = int(seconds // _MINUTE)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}


@register.filter
def left(value: datetime) -> str:
    """The time until then, such as 02:14, and 1:02:14 beyond an hour; 00:00 when it has come."""
    seconds = max(0, int((value - clock.now()).total_seconds()))
    hours, rest = divmod(seconds, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"


@register.filter
def has_come(value: datetime) -> bool:
    return value <= clock.now()


@register.filter
def seconds_of(milliseconds: float | None) -> str:
    """Milliseconds as seconds with one digit, 3.2, and below one second with two, 0.03."""
    if milliseconds is None:
        return "–"
    digits = 1 if milliseconds >= _SECOND_MS else 2
    return formats.number_format(round(milliseconds / _SECOND_MS, digits), digits)


@register.filter
def tls_words(version: str) -> str:
    """`TLSv1.3` as people say it: TLS 1.3."""
    return str(version).replace("TLSv", "TLS ")


@register.filter
def percent(part: float | None, whole: float | None) -> str:
    """`part` of `whole` with one digit, such as 2.1 %; an en dash where there is no whole."""
    if part is None or not whole:
        return "–"
    share = round(100 * part / whole, 1)
    return f"{formats.number_format(share, 0 if share in {0, 100} else 1)} %"


@register.filter
def size_of(value: float | None) -> str:
    """Bytes in decimal units, such as 10 GB."""
    if value is None:
        return "–"
    amount, units = float(value), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 1000 and len(units) > 1:  # noqa: PLR2004 - decimal units
        amount /= 1000
        units.pop(0)
    return f"{formats.number_format(amount, 0 if amount.is_integer() else 1)} {units[0]}"


@register.filter
def middle(text: str, length: int | str = 24) -> str:
    """Shortened in the middle, so that the last segment of a path or an id stays readable."""
    text, length = str(text), int(length)
    if len(text) <= length:
        return text
    tail = min(len(text) - text.rfind("/"), length - 4) if "/" in text else length // 3
    return f"{text[: length - tail - 1]}{_ELLIPSIS}{text[-tail:]}"


@register.filter
def behind_colons(text: str) -> list[str]:
    """A fingerprint in the pieces between which it may be broken: `["4A:", "3B:", "2C"]`."""
    *pairs, last = str(text).split(":")
    return [*(f"{pair}:" for pair in pairs), last]


@register.filter
def counted(value: int, words: str) -> str:
    """`{{ n|counted:"agent,agents" }}`: the figure and the word in its number, from the catalogue of messages."""
    one, _, many = words.partition(",")
    return f"{figure(value)} {ngettext(one, many, value)}"


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """This page's address with other parameters: `{% query sort="-name" after=None %}`. None takes one away."""
    return changed_address(context["request"], **changes)


def changed_address(request: HttpRequest, **changes: Any) -> str:
    pairs = [(name, value) for name, values in request.GET.lists() if name not in changes for value in values if value]
    pairs += [(name, str(value)) for name, value in changes.items() if value not in {None, ""}]
    return f"{request.path}?{urlencode(pairs)}" if pairs else request.path


def address_with(path: str, parameters: QueryDict) -> str:
    """The path with the parameters, without those that are empty."""
    pairs = [(name, value) for name, values in parameters.lists() for value in values if value != ""]
    return f"{path}?{urlencode(pairs)}" if pairs else path


@register.simple_tag
def change(now: float | None, before: float | None, better: str = "", since: str = "") -> SafeString:
    """How a figure has changed in per cent, and since when. `better` says whether `up` or `down` is good news."""
    by = change_from(now, before)
    if by is None:
        return SafeString(f"<span>{rows.escaped(gettext('nothing before'))}</span>")
    good = {"up": by > 0, "down": by < 0}.get(better)
    tone = "" if good is None or not by else "better" if good else "worse"
    return SafeString(f'<b class="{tone}">{signed(by)} %</b> {rows.escaped(since)}')


@register.filter
def change_from(now: float | None, before: float | None) -> float | None:
    """The change in per cent; None where there was nothing before."""
    if now is None or not before:
        return None
    return round(100 * (float(now) - float(before)) / float(before), 1)


@register.filter
def signed(value: float) -> str:
    """With a plus, or the minus that is as wide."""
    text = formats.number_format(abs(value), 0 if float(value).is_integer() else 1, force_grouping=True)
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else text


@register.filter
def as_control(field: BoundField, mono: str = "") -> str:
    """The control of a form field, in the console's looks; errors and hints beside it are read with it."""
    widget = field.field.widget
    attributes: dict[str, Any] = {}
    if not isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect | ClearableFileInput):
        attributes["class"] = "field field-mono" if mono else "field"
    if field.errors:
        attributes["aria-invalid"] = "true"
    return field.as_widget(attrs={**widget.attrs, **attributes})


def shortened(text: str, length: int) -> str:
    """As the filter `truncatechars`, which takes its time with what is short enough, too."""
    return text if len(text) <= length else Truncator(text).chars(length)


@register.filter
def milliseconds(microseconds: int | None) -> str:
    """Microseconds as milliseconds with one decimal; an en dash where nothing was measured."""
    return "–" if microseconds is None else _tenths(microseconds // 100, get_language())


@lru_cache(maxsize=2048)
def _tenths(tenths: int, _language: str | None) -> str:
    return formats.number_format(tenths / 10, 1)


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser(user_agent: str) -> str:
    """The browser and the system that a User-Agent names, to be recognised by its owner; a claim, no fact."""
    name = next((title for mark, title in _BROWSERS if mark in user_agent), gettext("Unknown browser"))
    system = next((title for mark, title in _SYSTEMS if mark in user_agent), "")
    return gettext("%(browser)s on %(system)s") % {"browser": name, "system": system} if system else name


@register.filter
def factor_words(kind: str) -> str:
    """A second factor as `UserSession` keeps it, in words."""
    words = {"totp": gettext("app"), "passkey": gettext("passkey"), "recovery_codes": gettext("recovery code")}
    return words.get(kind, kind)
