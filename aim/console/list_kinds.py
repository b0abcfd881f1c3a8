"""The lists of the console: each app registers what its list is called, its columns, and what of its address counts.

With that, saved views and the choice of columns work for every list alike, without knowing what is listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Column:
    """`fixed` is always shown; `usual` is shown until somebody chooses otherwise. The label heads the column."""

    name: str
    label: Promise | str
    fixed: bool = False
    usual: bool = True


@dataclass(frozen=True, slots=True)
class ListKind:
    """`everything` names the list without filters ("All agents"); `parameters` are its filters and its order."""

    name: str
    url_name: str
    everything: Promise | str
    permission: str
    columns: Sequence[Column]
    parameters: Sequence[str]

    @property
    def usual_columns(self) -> list[str]:
        return [column.name for column in self.columns if column.usual or column.fixed]

    def known_columns(self, names: Sequence[str]) -> list[str]:
        """Those that exist, and the fixed ones, in the list's own order."""
        asked = set(names)
        return [column.name for column in self.columns if column.fixed or column.name in asked]

    def query_of(self, parameters: QueryDict) -> str:
        """What of an address says which rows are shown, and in which order, always written alike.

        Raises `ValueError` where it is longer than anybody would keep.
        """
        pairs = [
            (name, value)
            for name in self.parameters
            for value in dict.fromkeys(parameters.getlist(name))
            if value and "\0" not in value
        ]
        query = urlencode(pairs)
        if len(query) > _LONGEST:
            raise ValueError(f"The address has {len(query)} characters, at most {_LONGEST} can be kept")
        return query


_kinds: dict[str, ListKind] = {}


def register_list(kind: ListKind) -> ListKind:
    """Called once a list, where its columns are defined."""
    if kind.name in _kinds:
        raise ValueError(f"The list {kind.name} exists already")
    _kinds[kind.name] = kind
    return kind


def list_kind(name: str) -> ListKind | None:
    return _kinds.get(name)
