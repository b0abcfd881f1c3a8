"""Where the servers stand in the navigation, and what the palette finds of them."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.navigation import Entry, Group, register_entry
from aim.console.palette import MOST_A_SOURCE, Hit, Kind, matches, palette_source
from aim.console.viewer import Viewer
from mcp.selectors import servers_named

register_entry(
    Entry(
        url_name="mcp:server-list",
        label=_("MCP Servers"),
        icon="server",
        group=Group.INVENTORY,
        order=20,
        permission=Permission.MCP_READ,
        key="m",
    )
)


@palette_source("mcp_servers")
def find_servers(viewer: Viewer, text: str) -> Iterator[Hit]:
    if not text or not isinstance(viewer, Actor) or not viewer.may(Permission.MCP_READ):
        return
    register = gettext("Register MCP Server")
    if viewer.may(Permission.MCP_WRITE) and matches(register, text):
        yield Hit(Kind.ACT, register, reverse("mcp:server-register"), "plus")
    for server in servers_named(viewer, text)[:MOST_A_SOURCE]:
        address = reverse("mcp:server-detail", args=[server.public_id])
        yield Hit(Kind.FIND, server.display_name, address, "server", hint=server.name)
