"""The one registry of fragment ids: the parts of pages that are replaced by themselves.

Templates take an id from here (`{{ fragments.agents }}`), for the element and for everything that aims at it, so that
a renamed element cannot leave a link behind that replaces nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType

_fragments: dict[str, str] = {}
FRAGMENTS: Mapping[str, str] = MappingProxyType(_fragments)


def register_fragment(name: str, identifier: str) -> str:
    """`name` as templates say it, `identifier` as it stands in the page; returns the identifier."""
    if name in _fragments or identifier in _fragments.values():
        raise ValueError(f"The fragment {name} ({identifier}) exists already")
    _fragments[name] = identifier
    return identifier


TOASTS = register_fragment("toasts", "toasts")
DIALOG = register_fragment("dialog", "dialog-place")
DRAWER = register_fragment("drawer", "drawer-place")
PALETTE = register_fragment("palette", "palette-results")
NAVIGATION = register_fragment("navigation", "navigation")
