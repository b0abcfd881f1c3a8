"""The pages of decisions: the list with its drawer, and one decision on a page of its own."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.exports import export_list
from accounts.lists import ListState, list_state, opening
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.lists import chips_of
from aim.console.pages import render_page, wanted_fragment
from aim.errors import NotFoundError
from aim.ids import IdKind
from aim.templatetags.console import changed_address
from verification.columns import VERIFICATION_LIST
from verification.detail import Detail, detail_of
from verification.exports import lines_for
from verification.figures import figures_of
from verification.fragments import VERIFICATIONS
from verification.listing import RANGES, Listing, facets_for, listing_for
from verification.live.place import newest_place
from verification.rows import cells_of


@require_safe
@console_page(Permission.VERIFICATIONS_READ)
def verification_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    state = list_state(request, actor, VERIFICATION_LIST)
    if elsewhere := opening(request, state):
        return elsewhere
    after = newest_place()
    listing = listing_for(actor, request.GET)
    detail = _asked(actor, request.GET.get("d", ""))
    context = {"listing": listing, "detail": detail, **(_beside(request, listing, detail) if detail else {})}
    if wanted_fragment(request) != "drawer":
        context |= _around(request, actor, listing, state, after)
    return render_page(
        request,
        "verification/verification_list.html",
        context,
        fragments={VERIFICATIONS: "list", "drawer": "drawer"},
    )


def _around(request: HttpRequest, actor: Actor, listing: Listing, state: ListState, after: int) -> dict[str, Any]:
    """All that the list shows and its drawer does not need."""
    facets = facets_for(actor, listing.filters, listing.counts)
    return {
        "cells": cells_of(listing.page.rows, listing.names, state.columns, drawer_on=request),
        "figures": figures_of(listing.counts),
        "facets": facets,
        "state": state,
        "columns": state.columns,
        "chips": chips_of(facets, request.path, request.GET),
        "ranges": _ranges(request, listing.filters.range),
        "range_words": RANGES.get(listing.filters.range, ""),
        "first_day": _day(listing.filters.first_day),
        "last_day": _day(listing.filters.last_day),
        "today": _day(timezone.localdate()),
        "live_after": after,
    }


def _ranges(request: HttpRequest, chosen: str) -> list[Mapping[str, object]]:
    """The cells of the menu of ranges."""
    place = "range-of-the-name"
    others = dict.fromkeys(("after", "before", "rows", "since", "until", "d"))
    begin, _place, end = changed_address(request, **others, range=place).rpartition(place)
    return [
        {"address": f"{begin}{name}{end}", "words": words, "chosen": name == chosen, "other": name != chosen}
        for name, words in RANGES.items()
    ]


def _day(day: date | None) -> str:
    """As a field for a date takes it."""
    return day.isoformat() if day else ""


@require_POST
@console_page(Permission.VERIFICATIONS_READ)
def verifications_export(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    return export_list(request, actor, VERIFICATION_LIST, lines_for)


@require_safe
@console_page(Permission.VERIFICATIONS_READ)
def verification_detail(request: HttpRequest, actor: Actor, verification_id: str) -> HttpResponse:
    detail = detail_of(actor, path_id(IdKind.VERIFICATION, verification_id))
    return render_page(request, "verification/verification_detail.html", {"detail": detail})


def _asked(actor: Actor, text: str) -> Detail | None:
    """The decision that the address shows in the drawer; none for one that does not exist."""
    if not text:
        return None
    try:
        return detail_of(actor, path_id(IdKind.VERIFICATION, text))
    except NotFoundError:
        return None


def _beside(request: HttpRequest, listing: Listing, detail: Detail) -> dict[str, Any]:
    """The rows before and after the one that is shown, and its place among all."""
    rows = listing.page.rows
    at = next((index for index, row in enumerate(rows) if row.id == detail.verification.id), None)

    def address(index: int) -> str:
        if not 0 <= index < len(rows):
            return ""
        parameters = request.GET.copy()
        parameters["d"] = rows[index].public_id
        return f"{request.path}?{parameters.urlencode()}"

    parameters = request.GET.copy()
    parameters.pop("d", None)
    closed = f"{request.path}?{parameters.urlencode()}" if parameters else request.path
    if at is None:
        return {"close": closed, "place": None}
    return {
        "close": closed,
        "place": listing.page.first + at,
        "previous": address(at - 1),
        "following": address(at + 1),
    }


def list_address(**parameters: str) -> str:
    """The list with some filters, for links from elsewhere."""
    return f"{reverse('verification:verification-list')}?{urlencode(parameters)}"
