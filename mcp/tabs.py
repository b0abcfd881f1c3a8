"""The tabs of a server's page. Each room brings its own: the registry knows nothing of the rooms above."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.contracts import Actor
from accounts.permissions import Permission
from mcp.models import McpServer

Context = Callable[[HttpRequest, Actor, McpServer], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ServerTab:
    """`template` is drawn with what `context` answers, and with `server`; it is asked only while its tab is open."""

    name: str
    label: Promise
    order: int
    template: str
    context: Context
    permission: Permission = Permission.MCP_READ


_tabs: dict[str, ServerTab] = {}


def register_tab(tab: ServerTab) -> ServerTab:
    """Call it in `ready()`. A name or a place that is taken raises."""
    if tab.name in _tabs or any(tab.order == other.order for other in _tabs.values()):
        raise ValueError(f"The tab {tab.name} or its place {tab.order} is taken")
    _tabs[tab.name] = tab
    return tab


def tabs_for(actor: Actor) -> list[ServerTab]:
    """Those that the actor may open, in their order."""
    return sorted((tab for tab in _tabs.values() if actor.may(tab.permission)), key=lambda tab: tab.order)
