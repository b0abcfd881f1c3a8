"""What stands in every row of a list, drawn without asking a template for each: lists draw hundreds of them a page.

A part with few looks is its component's own HTML, kept (`kept_part`). One that differs from row to row is put together
here, and its component calls the same function, so that each has its markup in one place.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import unescape
from typing import Any

from django.conf import settings
from django.template import Context, Engine, Template
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeData, SafeString
from django.utils.translation import get_language, gettext

from aim.console.charts import sparkline
from aim.console.fragments import FRAGMENTS
from aim.console.numbers import figure
from aim.console.rows import escaped

_KEPT = 2048
_BAR = 64
_TOKEN = "token-of-the-request"  # noqa: S105 - what stands where it belongs
_Values = tuple[tuple[str, type, Any], ...]


def kept_part(component: str, arguments: Mapping[str, str | int | None]) -> SafeString:
    """The HTML of `templates/components/<component>.html`, made once for the same arguments in the same language.

    Only for components whose HTML depends on nothing else: not on the time or its zone, the request, or who looks.
    Arguments are text, whole numbers, booleans and None, which are equal only where they are written alike; the type is
    told apart too, because markup that is safe and the same characters as text are equal, and drawn differently.
    """
    for name, value in arguments.items():
        if not isinstance(value, str | int | None):
            raise TypeError(f"{component}: {name} is a {type(value).__name__}, and a part is not kept by it")
    values = tuple((name, type(value), value) for name, value in arguments.items())
    # While templates are being written, each look is that of the file as it is now.
    draw = _draw if settings.DEBUG else _kept
    return draw(component, values, get_language())


def _draw(component: str, values: _Values, _language: str | None) -> SafeString:
    template = _call_of(component, tuple(name for name, _type, _value in values))
    return template.render(Context({name: value for name, _type, value in values}))


_kept = lru_cache(maxsize=_KEPT)(_draw)


def kept_include(template: str, arguments: Mapping[str, Any], csrf_token: object = None) -> SafeString:
    """The HTML of a template, made once for the same arguments in the same language, as `kept_part` does.

    For what stands in the frame of every page. A form in it has the token of the request, which is set in afterwards:
    hand over no text from outside as an argument then.
    """
    draw = _include if settings.DEBUG else _kept_include
    drawn = draw(template, tuple(arguments.items()), get_language())
    if csrf_token is None:
        return drawn
    return SafeString(drawn.replace(_TOKEN, escape(str(csrf_token))))


def _include(template: str, arguments: tuple[tuple[str, Any], ...], _language: str | None) -> SafeString:
    return render_to_string(template, {"fragments": FRAGMENTS, "csrf_token": _TOKEN, **dict(arguments)})


_kept_include = lru_cache(maxsize=512)(_include)


@lru_cache(maxsize=64)
def _call_of(component: str, names: tuple[str, ...]) -> Template:
    attributes = " ".join(f':{name}="{name}"' for name in names)
    return Engine.get_default().from_string(f"{{% cotton {component} {attributes} / %}}")


def named_object(name: object, href: object = "", title: object = "", attrs: Any = "") -> SafeString:
    """Monogram and name, with `href` as the link of its row. `attrs` are further attributes, those of a component."""
    attrs = format_html('title="{}"', title) if title else str(attrs)
    if href:
        named = format_html('<a class="name row-link" href="{}" {}>{}</a>', href, attrs, name)
    else:
        named = format_html('<span class="name" {}>{}</span>', attrs, name)
    # A component is handed what is escaped already.
    letters = monogram(unescape(str(name)) if isinstance(name, SafeData) else name)
    return format_html(
        '<span class="object"><span class="monogram" aria-hidden="true">{}</span>{}</span>', letters, named
    )


def monogram(name: object) -> str:
    """Two letters that stand for a name: of its first two words, or the first two of one."""
    words = "".join(c if c.isalnum() else " " for c in str(name)).split()
    letters = "".join(word[0] for word in words[:2]) if len(words) > 1 else "".join(words)[:2]
    return letters.upper() or "?"


def trust(score: Any, minimum: Any = 70, suspend: Any = 50) -> SafeString:
    """A score of 0 to 100 as figure and bar, with what it needs; None or "" where there is none."""
    if score is None or score == "":
        return format_html('<span class="faint">{}</span>', gettext("Not scored"))
    return _trust(float(score), float(minimum), float(suspend), get_language())


@lru_cache(maxsize=_KEPT)
def _trust(score: float, minimum: float, suspend: float, _language: str | None) -> SafeString:
    state = "trust-bad" if score < suspend else "trust-low" if score < minimum else ""
    words = {"score": figure(score), "minimum": figure(minimum)}
    return format_html(
        '<span class="trust {}" title="{}"><span class="score">{}</span>'
        '<svg width="{bar}" height="8" viewBox="0 0 {bar} 8" role="img" aria-label="{}">'
        '<rect class="track" y="2" width="{bar}" height="4" rx="2"/>'
        '<rect class="level" y="2" width="{}" height="4" rx="2"/><rect class="tick" x="{}" width="1" height="8"/>'
        "</svg></span>",
        state,
        gettext("%(score)s, needs %(minimum)s") % words,
        words["score"],
        gettext("Trust %(score)s of 100, needs %(minimum)s") % words,
        share_of(score, _BAR),
        share_of(minimum, _BAR),
        bar=_BAR,
    )


def share_of(score: float, width: int) -> str:
    """A score of 0 to 100 as a length of the width, for SVG."""
    return f"{max(0.0, min(100.0, float(score))) * width / 100:.1f}"


def drawn_sparkline(values: Sequence[float], label: object = "") -> SafeString:
    """The course of a figure as a small line over its axis."""
    return _sparkline(tuple(values), escaped(label))


@lru_cache(maxsize=_KEPT)
def _sparkline(values: tuple[float, ...], label: SafeString) -> SafeString:
    line = sparkline(values)
    return format_html(
        '<svg class="sparkline" width="84" height="20" viewBox="0 0 84 20" role="img" aria-label="{}">'
        '<line x1="0" x2="84" y1="19.5" y2="19.5"/>{}</svg>',
        label,
        format_html('<path d="{}"/>', line) if line else "",
    )
