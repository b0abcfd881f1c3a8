"""The list of servers."""

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.lists import chips_of
from aim.console.pages import render_page
from mcp.fragments import SERVERS
from mcp.registry import Filters, facets_for, figures_for, listing_for, tallies_of
from mcp.rows import cells_of


@require_safe
@console_page(Permission.MCP_READ)
def server_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    filters = Filters.read(request.GET)
    everything, found = tallies_of(actor, filters.searching)
    facets = facets_for(filters, found)
    listing = listing_for(actor, request.GET, filters, total=found.total(filters))
    context = {
        "listing": listing,
        "cells": cells_of(listing, new=request.GET.get("new", "")),
        # Asked for only where the whole page is drawn.
        "figures": SimpleLazyObject(lambda: figures_for(actor, everything)),
        "facets": facets,
        "chips": chips_of(facets, request.path, request.GET),
        "may_write": actor.may(Permission.MCP_WRITE),
        "may_change": actor.may(Permission.MCP_LIFECYCLE),
    }
    return render_page(request, "mcp/server_list.html", context, fragments={SERVERS: "list"})
