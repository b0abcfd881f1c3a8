"""What MCP servers need of people."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.console.needs import Need, need_source
from aim.console.viewer import Viewer
from mcp.certificates import WARNED_DAYS
from mcp.models import Certificate, KeyRotation, ServerStatus, Tool, VerificationStatus
from mcp.selectors import servers_visible_to

_SHOWN = 5


@need_source
def servers_in_need(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.MCP_WRITE):
        return
    listed = reverse("mcp:server-list")
    mine = servers_visible_to(viewer).select_related(None).prefetch_related(None).order_by()
    found = mine.aggregate(
        suspended=Count("id", filter=Q(status=ServerStatus.SUSPENDED)),
        failed=Count("id", filter=Q(status=ServerStatus.ACTIVE, verification=VerificationStatus.FAILED)),
    )
    if count := found["suspended"]:
        title = ngettext("%(n)d MCP server is suspended", "%(n)d MCP servers are suspended", count) % {"n": count}
        text, address = _("No call through it is approved"), f"{listed}?status=suspended"
        yield Need(title, text, address, _("Look"), "circle-minus", "denied", count, 22)
    if count := found["failed"]:
        title = ngettext(
            "%(n)d MCP server failed its verification", "%(n)d MCP servers failed their verification", count
        ) % {"n": count}
        text, address = _("Calls through it are denied"), f"{listed}?verification=failed&status=active"
        yield Need(title, text, address, _("Look"), "shield-alert", "denied", count, 24)
    now = clock.now()
    ending = Certificate.objects.filter(
        server__in=mine, current=True, not_after__gt=now, not_after__lte=now + timedelta(days=WARNED_DAYS)
    ).exclude(server__status=ServerStatus.RETIRED)
    for certificate in ending.select_related("server").order_by("not_after", "id")[:_SHOWN]:
        address = f"{reverse('mcp:server-detail', args=[certificate.server.public_id])}?tab=certificates"
        left = certificate.ending.days
        title = ngettext("A certificate expires in %(n)d day", "A certificate expires in %(n)d days", left) % {
            "n": left
        }
        tone = certificate.ending.tone
        yield Need(title, certificate.server.display_name, address, _("Renew"), "calendar-clock", tone, 1, 25)
    held = Tool.objects.filter(server__in=mine, offered__isnull=False).exclude(held_reason="").select_related("server")
    for tool in held.order_by("id")[:_SHOWN]:
        address = f"{reverse('mcp:server-detail', args=[tool.server.public_id])}?tab=capabilities"
        title = str(_("A tool is no longer what was approved"))
        yield Need(title, tool.server.display_name, address, _("Look"), "triangle-alert", "pending", 1, 26)
    if viewer.may(Permission.MCP_ATTEST):
        waiting = KeyRotation.objects.filter(server__in=mine, state=KeyRotation.State.CONFIRMING)
        for rotation in waiting.exclude(started_by_id=viewer.id).select_related("server").order_by("id")[:_SHOWN]:
            address = f"{reverse('mcp:server-detail', args=[rotation.server.public_id])}?tab=identity"
            title = str(_("A server’s new key waits for the old one or a second admin"))
            yield Need(title, rotation.server.display_name, address, _("Look"), "key-round", "pending", 1, 27)
