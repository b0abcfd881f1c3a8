"""What reports need of people."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.needs import Need, need_source
from aim.console.viewer import Viewer
from security.models import UNDECIDED, Report
from security.selectors import reports_visible_to

_MOST_NAMED = 4


@need_source
def reports_in_need(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.REPORTS_HANDLE):
        return
    found = list(reports_visible_to(viewer).filter(status__in=UNDECIDED).order_by("status", "id")[:_MOST_NAMED])
    for row in found[: _MOST_NAMED - 1]:
        escalated = row.status == Report.Status.ESCALATED
        title = _("Escalated: %(agent)s") if escalated else _("Suspicious behaviour reported: %(agent)s")
        yield Need(
            title % {"agent": row.agent.display_name},
            row.text or _("erased"),
            reverse("security:report", args=[row.public_id]),
            _("Decide"),
            "siren" if escalated else "flag",
            "critical" if escalated or row.severity == Report.Severity.CRITICAL else "denied",
            1,
            6 if escalated else 12,
        )
    if len(found) == _MOST_NAMED:
        url = reverse("security:reports")
        yield Need(
            _("More reports of suspicious behaviour"), _("Oldest first"), url, _("Look"), "flag", "denied", 1, 13
        )
