"""The tabs of the settings: each app registers those it has, and the frame shows those that the person may open."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise

from aim.console.viewer import Viewer


@dataclass(frozen=True, slots=True)
class SettingsTab:
    """A page of the settings. `url_name` takes no arguments."""

    url_name: str
    label: Promise | str
    order: int
    permission: str


@dataclass(frozen=True, slots=True)
class ShownTab:
    """A tab as one person sees it on one page, for `c-tabs`."""

    label: Promise | str
    url: str
    current: bool
    count: int | None = None


_tabs: dict[str, SettingsTab] = {}


def register_settings_tab(tab: SettingsTab) -> None:
    """Called once a tab, from the `navigation.py` of its app."""
    if tab.url_name in _tabs:
        raise ValueError(f"{tab.url_name} is in the settings already")
    _tabs[tab.url_name] = tab


def settings_tabs_for(viewer: Viewer, current: str) -> list[ShownTab]:
    """In their order; `current` is the `url_name` of the page shown."""
    allowed = sorted((tab for tab in _tabs.values() if viewer.may(tab.permission)), key=lambda tab: tab.order)
    return [ShownTab(tab.label, reverse(tab.url_name), tab.url_name == current) for tab in allowed]
