"""The tabs of an agent's page. Each room brings its own: the registry knows nothing of the rooms above."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent

Context = Callable[[HttpRequest, Actor, Agent], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class AgentTab:
    """`template` is drawn with what `context` answers, and with `agent`; it is asked only while its tab is open."""

    name: str
    label: Promise
    order: int
    template: str
    context: Context
    permission: Permission = Permission.AGENTS_READ


_tabs: dict[str, AgentTab] = {}


def register_tab(tab: AgentTab) -> AgentTab:
    """Call it in `ready()`. A name or a place that is taken raises."""
    if tab.name in _tabs or any(tab.order == other.order for other in _tabs.values()):
        raise ValueError(f"The tab {tab.name} or its place {tab.order} is taken")
    _tabs[tab.name] = tab
    return tab


def tabs_for(actor: Actor) -> list[AgentTab]:
    """Those that the actor may open, in their order."""
    return sorted((tab for tab in _tabs.values() if actor.may(tab.permission)), key=lambda tab: tab.order)
