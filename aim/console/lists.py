"""What every list of the console does: order, pages by key, facets with counts. The address is the whole state.

A selector describes the rows; nothing here knows a model. A page costs the same wherever it lies, and no row is skipped
or shown twice while others arrive.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise

from aim.console.numbers import figure

PAGE = 50
MOST_ROWS = 500
"""A page grows by pages up to here, and then there is only the next one."""
_PARTS = 3
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """`field` is never null: annotate with `Coalesce` where a column may be. Ties are broken by `id`."""

    name: str
    field: str
    descending: bool

    @property
    def state(self) -> str:
        return f"-{self.name}" if self.descending else self.name


def chosen_order(parameters: QueryDict, fields: Mapping[str, str], *, default: str) -> Order:
    """`?sort=name` or `?sort=-name`; anything that is not in `fields` is the default."""
    asked = parameters.get("sort", default)
    if asked.removeprefix("-") not in fields:
        asked = default
    name = asked.removeprefix("-")
    return Order(name, fields[name], asked.startswith("-"))


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    """Rows, where they stand among all of them, and the keys of the pages beside."""

    rows: list[_Row]
    total: int
    first: int
    next: str | None
    previous: str | None
    more: int | None = None
    """How many rows the page would have with those of the next added; None where it cannot grow."""

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def following(self) -> int:
        """How many rows the next page has."""
        return max(0, min(PAGE, self.total - self.last))


def page_start(order: Order, parameters: QueryDict) -> tuple[Any, bool] | None:
    """The value that the page begins next to, and whether it goes down from there; None for the first page."""
    key = _Key.read(parameters.get("after") or parameters.get("before"), order)
    return None if key is None else (key.value, order.descending != ("after" not in parameters))


def keyset_page(
    rows: QuerySet[_Row], order: Order, parameters: QueryDict, *, total: int, size: int = PAGE
) -> Page[_Row]:
    """The page behind `?after=` or before `?before=`; a key that no page wrote leads to the first page.

    `?rows=150` is a page that has grown by loading more, in the address like everything else.
    """
    step, size = size, _size(parameters, size)
    key = _Key.read(parameters.get("after") or parameters.get("before"), order)
    backwards = key is not None and "after" not in parameters
    descending = order.descending != backwards
    if key is not None:
        rows = rows.filter(_beyond(order.field, key, descending=descending))
    sign = "-" if descending else ""
    found = list(rows.order_by(f"{sign}{order.field}", f"{sign}id")[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    first = 1
    if key is not None:
        first = max(1, key.place - len(found) if backwards else key.place + 1)
    before = more if backwards else key is not None
    after = key is not None if backwards else more
    return Page(
        rows=found,
        total=max(total, first + len(found) - 1) if found else total,
        first=first if found else 0,
        next=_Key.of(found[-1], order, first + len(found) - 1).write() if found and after else None,
        previous=_Key.of(found[0], order, first).write() if found and before else None,
        more=size + step if found and after and not backwards and size < MOST_ROWS else None,
    )


def _size(parameters: QueryDict, step: int) -> int:
    asked = parameters.get("rows", "")
    if not asked.isascii() or not asked.isdecimal() or len(asked) > len(str(MOST_ROWS)):
        return step
    return min(MOST_ROWS, max(step, int(asked) // step * step))


@dataclass(frozen=True, slots=True)
class _Key:
    """The row that a page begins next to: its value in the order, its id, and its place for the words "51–100 of"."""

    value: Any
    id: UUID
    place: int

    @classmethod
    def of(cls, row: Model, order: Order, place: int) -> "_Key":
        value: Any = row
        for part in order.field.split("__"):
            value = getattr(value, part)
        return cls(value, row.pk, place)

    def write(self) -> str:
        value = self.value
        if isinstance(value, datetime):
            value = {"t": value.isoformat()}
        elif isinstance(value, Decimal):
            value = {"d": str(value)}
        elif isinstance(value, UUID):
            value = {"u": value.hex}
        text = json.dumps([value, self.id.hex, self.place], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def read(cls, text: str | None, order: Order) -> "_Key | None":  # noqa: ARG003 - the field's own type checks the value
        """None for what `write` did not write: a page that is shown is better than an error for an old bookmark."""
        if not text:
            return None
        try:
            parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if not isinstance(parts, list) or len(parts) != _PARTS or not isinstance(parts[2], int):
                return None
            return cls(_value(parts[0]), UUID(hex=parts[1]), parts[2])
        except (ValueError, TypeError, ArithmeticError, AttributeError):
            return None


def _value(written: Any) -> Any:
    match written:
        case {"t": str(text)}:
            return datetime.fromisoformat(text)
        case {"d": str(text)}:
            return Decimal(text)
        case {"u": str(text)}:
            return UUID(hex=text)
        case str() | int() | float():
            return written
        case _:
            raise ValueError("Not a key")


def _beyond(field: str, key: _Key, *, descending: bool) -> Q:
    side = "lt" if descending else "gt"
    if field == "id":
        return Q(**{f"id__{side}": key.id})
    # The first condition alone is one that an index begins at; without it each page would read all those before it.
    not_before = Q(**{f"{field}__{side}e": key.value})
    return not_before & (Q(**{f"{field}__{side}": key.value}) | Q(**{f"id__{side}": key.id}))


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a facet. `count` is that of the rows that all the other facets let through."""

    value: str
    label: Promise | str
    count: int | None
    chosen: bool
    only: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: Promise | str
    options: Sequence[Option]
    more: int = 0
    note: Promise | str = ""
    """What is to be known of the options, where there may be others."""
    excludable: bool = False

    @property
    def cells(self) -> list[Mapping[str, object]]:
        """The options, for the markup in `components/facet.html`."""
        return [
            {
                "value": option.value,
                "label": option.label,
                "chosen": option.chosen,
                "only": option.only,
                "without": option.without,
                "counted": option.count is not None,
                "count": figure(option.count),
            }
            for option in self.options
        ]

    @property
    def chosen(self) -> list[Option]:
        return [option for option in self.options if option.chosen]


def chosen_values(parameters: QueryDict, name: str, known: Sequence[str]) -> list[str]:
    """The values of a facet in the address that exist, each once, in the order of `known`."""
    asked = set(parameters.getlist(name))
    return [value for value in known if value in asked]


def make_facet(
    name: str, label: Promise | str, options: Sequence[tuple[str, Promise | str, int | None]], chosen: Sequence[str]
) -> Facet:
    return Facet(name, label, [Option(value, words, count, value in chosen) for value, words, count in options])


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, with the address without it."""

    name: Promise | str
    value: Promise | str
    remove: str


def chips_of(facets: Sequence[Facet], path: str, parameters: QueryDict) -> list[Chip]:
    return [
        Chip(facet.label, option.label, _without(path, parameters, facet.name, option.value))
        for facet in facets
        for option in facet.chosen
    ]


def _without(path: str, parameters: QueryDict, name: str, value: str) -> str:
    left = parameters.copy()
    left.setlist(name, [other for other in parameters.getlist(name) if other != value])
    for key in ("after", "before", "rows"):
        left.pop(key, None)
    encoded = left.urlencode()
    return f"{path}?{encoded}" if encoded else path
