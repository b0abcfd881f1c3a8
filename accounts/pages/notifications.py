"""The notifications centre: the panel under the bell, and the page with all of them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.fragments import BELL, NOTIFICATIONS
from accounts.notifications.models import Notification
from accounts.notifications.selectors import icon_of, notifications_of, unread_of
from accounts.permissions import Permission
from accounts.services.notifications import mark_all_read, mark_read
from aim.api.path_ids import path_id
from aim.console.lists import Order, keyset_page
from aim.console.pages import redirect_to, render_page, wanted_fragment
from aim.console.toasts import say
from aim.ids import IdKind

IN_PANEL = 8
_NEWEST_FIRST = Order("newest", "id", descending=True)


@require_safe
@console_page(Permission.NOTIFICATIONS_OWN)
def notifications(request: HttpRequest, actor: Actor) -> HttpResponse:
    if wanted_fragment(request) == BELL:
        newest = list(notifications_of(actor)[:IN_PANEL])
        context = {"notices": _shown(newest), "newest": _first(newest), "unread": unread_of(actor)}
        return render_page(request, "accounts/notifications_panel.html", context, fragments={BELL: "panel"})
    rows, only_unread = notifications_of(actor), "unread" in request.GET
    unread = unread_of(actor)
    if only_unread:
        rows = rows.filter(read_at=None)
    page = keyset_page(rows, _NEWEST_FIRST, request.GET, total=rows.count())
    here = reverse("accounts:notifications")
    tabs = [
        {"label": _("All"), "url": here, "current": not only_unread, "count": None},
        {"label": _("Unread"), "url": f"{here}?unread", "current": only_unread, "count": unread},
    ]
    context = {
        "page": page,
        "notices": _shown(page.rows),
        "newest": _first(page.rows),
        "unread": unread,
        "only_unread": only_unread,
        "tabs": tabs,
    }
    return render_page(request, "accounts/notifications.html", context, fragments={NOTIFICATIONS: "list"})


@require_safe
@console_page(Permission.NOTIFICATIONS_OWN)
def waiting(request: HttpRequest, _actor: Actor) -> HttpResponse:
    """What waits for the person, drawn as on every page, for pages that are open already."""
    return render_page(request, "console/waiting_again.html", {})


@require_POST
@console_page(Permission.NOTIFICATIONS_OWN)
def notification_read(request: HttpRequest, actor: Actor, notification_id: str) -> HttpResponse:
    """From a script that follows a link it has no content; from a form it leads back."""
    mark_read(actor, path_id(IdKind.NOTIFICATION, notification_id))
    if "quiet" in request.POST:
        return HttpResponse(status=204)
    return redirect_to(request, "accounts:notifications")


@require_POST
@console_page(Permission.NOTIFICATIONS_OWN)
def notifications_read(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Those up to the newest that the page showed: what came meanwhile nobody has seen."""
    newest = request.POST.get("upto", "")
    mark_all_read(actor, upto=path_id(IdKind.NOTIFICATION, newest) if newest else None)
    if "quiet" in request.POST:
        return HttpResponse(status=204)
    say(request, _("All notifications are marked as read"))
    return redirect_to(request, "accounts:notifications")


def _first(rows: list[Notification]) -> str:
    return rows[0].public_id if rows else ""


def _shown(rows: list[Notification]) -> list[dict[str, Any]]:
    return [
        {"row": row, "icon": icon, "tone": tone, "more": row.count - 1}
        for row in rows
        for icon, tone in (icon_of(row),)
    ]
