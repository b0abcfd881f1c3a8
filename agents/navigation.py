"""Where the registry stands in the navigation, and what the palette finds of it."""

from collections.abc import Iterator

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.selectors import agents_named
from aim.console.navigation import Entry, Group, register_entry
from aim.console.palette import MOST_A_SOURCE, Hit, Kind, palette_source
from aim.console.viewer import Viewer

register_entry(
    Entry(
        url_name="agents:agent-list",
        label=_("Agents"),
        icon="bot",
        group=Group.INVENTORY,
        order=10,
        permission=Permission.AGENTS_READ,
        key="n",
    )
)


@palette_source("agents")
def find_agents(viewer: Viewer, text: str) -> Iterator[Hit]:
    if not text or not isinstance(viewer, Actor) or not viewer.may(Permission.AGENTS_READ):
        return
    for agent in agents_named(viewer, text)[:MOST_A_SOURCE]:
        try:
            url = reverse("agents:agent-detail", args=[agent.public_id])
        except NoReverseMatch:
            url = f"{reverse('agents:agent-list')}?q={agent.name}"
        yield Hit(Kind.FIND, agent.display_name, url, "bot", hint=agent.name)
