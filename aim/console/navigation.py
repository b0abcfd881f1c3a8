"""The navigation: each app registers the pages it has, and the frame shows those that the person may open."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from aim.console.addresses import known_url
from aim.console.keyboard import Scope, register_key
from aim.console.viewer import Viewer


class Group(StrEnum):
    """The groups, in their order. The last stands at the foot."""

    OPERATE = "operate"
    INVENTORY = "inventory"
    GOVERN = "govern"
    ASSURE = "assure"
    FOOT = "foot"


TITLES: dict[Group, Promise | str] = {
    Group.OPERATE: "",
    Group.INVENTORY: _("Inventory"),
    Group.GOVERN: _("Govern"),
    Group.ASSURE: _("Assure"),
    Group.FOOT: "",
}


@dataclass(frozen=True, slots=True)
class Count:
    """How many things wait behind an entry. `words` ("3 waiting") also puts it into the top bar."""

    number: int
    critical: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A page that the navigation leads to, registered once. `url_name` takes no arguments; `order` counts within the
    group.
    """

    url_name: str
    label: Promise | str
    icon: str
    group: Group
    order: int
    permission: str
    key: str = ""
    """The letter that opens the page after `g`."""
    count: Callable[[Viewer], Count | None] | None = None
    """Asked at every page: one quick query at most."""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as one person sees it on one page."""

    entry: Entry
    url: str
    current: bool
    count: Count | None


_entries: dict[str, Entry] = {}


def register_entry(entry: Entry) -> None:
    """Called once a page, from the `navigation.py` of its app."""
    if entry.url_name in _entries:
        raise ValueError(f"{entry.url_name} is in the navigation already")
    _entries[entry.url_name] = entry
    if entry.key:
        register_key(Scope.EVERYWHERE, f"g {entry.key}", entry.label, url_name=entry.url_name)


def entries_for(viewer: Viewer) -> list[Entry]:
    """The entries that the person may open, in the order of the navigation."""
    groups = list(Group)
    allowed = [entry for entry in _entries.values() if viewer.may(entry.permission)]
    return sorted(allowed, key=lambda entry: (groups.index(entry.group), entry.order))


def navigation_for(viewer: Viewer, path: str) -> Iterator[tuple[Group, Promise | str, list[Item]]]:
    """Each group that is not empty, with its title and items; `path` is that of the page shown."""
    entries = entries_for(viewer)
    urls = {entry.url_name: known_url(entry.url_name) for entry in entries}
    here = _closest(path, urls)
    for group in Group:
        items = [
            Item(entry, urls[entry.url_name], entry.url_name == here, entry.count(viewer) if entry.count else None)
            for entry in entries
            if entry.group is group
        ]
        if items:
            yield group, TITLES[group], items


def _closest(path: str, urls: dict[str, str]) -> str | None:
    """The entry whose address is the longest beginning of the path, so that a detail page keeps its list marked."""
    root = "/dashboard"  # Below it lies everything, also what has no entry of its own.
    fitting = [name for name, url in urls.items() if path == url or (url != root and path.startswith(f"{url}/"))]
    return max(fitting, key=lambda name: len(urls[name]), default=None)
