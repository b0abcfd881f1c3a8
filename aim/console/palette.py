"""The command palette: apps register what can be found or done, one endpoint asks them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from aim.console.viewer import Viewer

MOST_A_SOURCE = 6


class Kind(StrEnum):
    """What a hit is, in the order of the groups."""

    GO = "go"
    ACT = "act"
    FIND = "find"


TITLES: dict[Kind, Promise] = {Kind.GO: _("Go to"), Kind.ACT: _("Do"), Kind.FIND: _("Found")}


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the palette. `hint` says what it is; `keys` are those that do the same without the palette."""

    kind: Kind
    label: str
    url: str
    icon: str
    hint: str = ""
    keys: tuple[str, ...] = ()


Source = Callable[[Viewer, str], Iterable[Hit]]
_sources: dict[str, Source] = {}


def palette_source(name: str) -> Callable[[Source], Source]:
    """Register a function of (viewer, text) that answers at most a few hits, each of which the person may open.

    `text` is stripped and may be empty; a source that searches rows then answers nothing. One indexed query each.
    """

    def register(source: Source) -> Source:
        if name in _sources:
            raise ValueError(f"The palette has a source {name} already")
        _sources[name] = source
        return source

    return register


def hits_for(viewer: Viewer, text: str) -> list[tuple[Promise, list[Hit]]]:
    """All hits, by kind."""
    found = [hit for source in _sources.values() for hit in list(source(viewer, text))[:MOST_A_SOURCE]]
    groups = [(TITLES[kind], [hit for hit in found if hit.kind is kind]) for kind in Kind]
    return [(title, hits) for title, hits in groups if hits]


def matches(label: str, text: str) -> bool:
    """Whether every word of the text begins somewhere in the label, in any order."""
    words = label.casefold().split()
    return all(any(word.startswith(part) for word in words) for part in text.casefold().split())
