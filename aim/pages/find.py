"""What the palette asks at every letter, and a page of its own for those without a script."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.navigation import entries_for
from aim.console.pages import render_page
from aim.console.palette import Hit, Kind, hits_for, matches, palette_source
from aim.console.viewer import Viewer

_LONGEST = 200


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def find(request: HttpRequest, actor: Actor) -> HttpResponse:
    text = request.GET.get("q", "").strip().replace("\x00", "")[:_LONGEST]
    context = {"text": text, "groups": hits_for(actor, text)}
    return render_page(request, "console/find.html", context, fragments={"palette": "hits"})


@palette_source("pages")
def find_pages(viewer: Viewer, text: str) -> Iterator[Hit]:
    for entry in entries_for(viewer):
        if matches(str(entry.label), text):
            keys = ("g", entry.key) if entry.key else ()
            yield Hit(Kind.GO, str(entry.label), reverse(entry.url_name), entry.icon, keys=keys)


@palette_source("commands")
def find_commands(_viewer: Viewer, text: str) -> Iterator[Hit]:
    commands = (
        (_("Change password"), reverse("accounts:password"), "key-round"),
        (_("API documentation"), reverse("docs"), "book-open"),
    )
    for label, url, icon in commands:
        if matches(label, text):
            yield Hit(Kind.ACT, label, url, icon)
