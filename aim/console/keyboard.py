"""The one registry of keys. The sheet behind `?` is drawn from it, and the pages obey that sheet."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Scope(StrEnum):
    EVERYWHERE = "everywhere"
    LISTS = "lists"
    APPROVALS = "approvals"
    FORMS = "forms"


TITLES: dict[Scope, Promise] = {
    Scope.EVERYWHERE: _("Everywhere"),
    Scope.LISTS: _("In lists"),
    Scope.APPROVALS: _("In approvals"),
    Scope.FORMS: _("In forms"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """`keys` as they are pressed, such as `g a`, `?` or `mod+k` (⌘ on a Mac, Ctrl elsewhere).

    A key with a `url_name` opens that page. Any other presses the visible element with that `data-key`, or is obeyed
    by a module of its own.
    """

    scope: Scope
    keys: str
    label: Promise | str
    url_name: str = ""

    @property
    def caps(self) -> list[str]:
        """What stands on the keys, one after the other."""
        return [cap for part in self.keys.split(" ") for cap in part.split("+")]


_keys: dict[tuple[Scope, str], Key] = {}


def register_key(scope: Scope, keys: str, label: Promise | str, *, url_name: str = "") -> None:
    if (scope, keys) in _keys or (Scope.EVERYWHERE, keys) in _keys:
        raise ValueError(f"The key {keys!r} is taken")
    _keys[scope, keys] = Key(scope, keys, label, url_name)


def registered_keys() -> Iterator[tuple[Scope, Promise, list[Key]]]:
    """Each scope with its title and keys, in the order in which the sheet shows them."""
    for scope in Scope:
        keys = [key for key in _keys.values() if key.scope is scope]
        if keys:
            yield scope, TITLES[scope], keys


register_key(Scope.EVERYWHERE, "mod+k", _("Search or run a command"))
register_key(Scope.EVERYWHERE, "?", _("This sheet"))
register_key(Scope.EVERYWHERE, "[", _("Fold the navigation"))
register_key(Scope.EVERYWHERE, "esc", _("Close what is open"))
register_key(Scope.LISTS, "/", _("Filter"))
register_key(Scope.LISTS, "j", _("Next row"))
register_key(Scope.LISTS, "k", _("Previous row"))
register_key(Scope.LISTS, "x", _("Select the row"))
register_key(Scope.LISTS, "o", _("Open the row"))
register_key(Scope.LISTS, "enter", _("Open the row on a page of its own"))
register_key(Scope.LISTS, ".", _("Show what is new"))
register_key(Scope.FORMS, "mod+enter", _("Continue"))
