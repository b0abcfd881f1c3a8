"""Rows of a list: the markup of one is drawn once, and filled in for each.

A template takes as long for a row as for a small page, and lists have hundreds. So the row's markup stands in the
template as always, its values are made in Python, and the template is asked for it once:

    {% rows cells %}
      <tr id="{{ cell.id }}"><td>{{ cell.name }}{% where "warning" %} <b>{{ cell.warning }}</b>{% endwhere %}</td></tr>
    {% endrows %}

Each of `cells` maps the names to the values of one row, which are escaped unless they are markup that is safe. They
take no filter and no `if`: what is there for some rows only stands in a `where`, by a value that is true or not.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString

_MARK = re.compile("\ue000([=?/])([a-z_]*)\ue001")
"""Characters for private use, which no template has; values are filled in afterwards and never read as marks."""


class Marks:
    """What stands for the values while the markup is drawn."""

    def __getitem__(self, name: str) -> SafeString:
        return _mark("=", name)


def begin(name: str) -> SafeString:
    """The beginning of what stands only where the value is true."""
    return _mark("?", name)


def end() -> SafeString:
    return _mark("/", "")


def _mark(kind: str, name: str) -> SafeString:
    mark = f"\ue000{kind}{name}\ue001"
    if not _MARK.fullmatch(mark):
        raise ValueError(f"{name!r} is no name of a cell")
    return SafeString(mark)


@dataclass(frozen=True, slots=True)
class _Value:
    name: str


@dataclass(frozen=True, slots=True)
class _Where:
    name: str
    parts: "list[_Part]"


_Part = str | _Value | _Where


def fill(markup: str, rows: Iterable[Mapping[str, object]]) -> SafeString:
    """The markup of one row, with its marks, for each of the rows."""
    parts = _parts(markup)
    drawn: list[str] = []
    for cells in rows:
        _fill(parts, cells, drawn)
    return SafeString("".join(drawn))


def _parts(markup: str) -> list[_Part]:
    texts = _MARK.split(markup)
    open_: list[list[_Part]] = [[texts[0]]]
    for kind, name, text in zip(texts[1::3], texts[2::3], texts[3::3], strict=True):
        if kind == "=":
            open_[-1].append(_Value(name))
        elif kind == "?":
            where = _Where(name, [])
            open_[-1].append(where)
            open_.append(where.parts)
        else:
            open_.pop()
        open_[-1].append(text)
    return open_[0]


def escaped(value: object) -> SafeString:
    """As a template writes it: markup that is safe as it is, everything else as text."""
    # Django's own `escape` first looks whether any argument is lazy, which takes longer than escaping.
    return value if isinstance(value, SafeString) else SafeString(escape(str(value)))


def _fill(parts: Sequence[_Part], cells: Mapping[str, object], drawn: list[str]) -> None:
    for part in parts:
        if isinstance(part, str):
            drawn.append(part)
        elif isinstance(part, _Value):
            drawn.append(escaped(cells[part.name]))
        elif cells[part.name]:
            _fill(part.parts, cells, drawn)
