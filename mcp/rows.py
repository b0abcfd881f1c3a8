"""The values of the rows of the list of servers, for the markup in `mcp/server_table.html`."""

from collections.abc import Iterator, Mapping

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from aim.console.addresses import address_of
from aim.console.parts import kept_include, kept_part, named_object
from aim.templatetags.console import ago, middle, moment
from mcp.identity import Identity
from mcp.models import ServerStatus
from mcp.registry import Listing

_TITLE = "title-of-the-row"


def cells_of(listing: Listing, *, new: str) -> Iterator[Mapping[str, object]]:
    """`new` is the id of the row that stands out."""
    select, view, verify = _("Select %(name)s"), _("View %(name)s"), _("Verify %(name)s")
    edit, retire, logs = _("Edit %(name)s"), _("Retire %(name)s"), _("View Logs of %(name)s")
    for row in listing.rows:
        server, identity, shown = row.server, row.identity, row.id
        name = {"name": server.display_name}
        yield {
            "id": shown,
            "new": shown == new,
            "select": select % name,
            "health": kept_part("server-health", {"health": server.health, "checked": ago(server.last_health_at)}),
            "server": named_object(server.display_name, row.address, server.name),
            "due": identity.due,
            "whole_url": server.url,
            "url": middle(server.url, 44),
            "status": kept_part("server-status", {"status": server.status}),
            "verification": kept_part("server-verification", {"verification": server.verification}),
            "key": _key(identity),
            "verified": moment(server.last_verified_at, "ago") if server.last_verified_at else "",
            "never": server.last_verified_at is None,
            "living": server.status != ServerStatus.RETIRED,
            "view": row.address,
            "view_words": view % name,
            "logs_words": logs % name,
            "verify": address_of("mcp:server-verify", shown),
            "verify_words": verify % name,
            "edit": address_of("mcp:server-edit", shown),
            "edit_words": edit % name,
            "retire": address_of("mcp:server-act", shown, "retire"),
            "retire_words": retire % name,
        }


def _key(identity: Identity) -> SafeString:
    drawn = kept_include("mcp/key_state.html", {"state": identity.state.value, "title": _TITLE})
    return SafeString(drawn.replace(_TITLE, escape(identity.title)))
