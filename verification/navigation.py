"""Where decisions stand in the console's navigation."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.keyboard import Scope, register_key
from aim.console.navigation import Count, Entry, Group, register_entry
from aim.console.palette import MOST_A_SOURCE, Hit, Kind, palette_source
from aim.console.settings_tabs import SettingsTab, register_settings_tab
from aim.console.viewer import Viewer
from verification.approvals.inbox import waiting_for
from verification.policy_selectors import policies_visible_to

register_entry(
    Entry(
        "verification:overview",
        _("Overview"),
        "layout-dashboard",
        Group.OPERATE,
        10,
        Permission.ORGANIZATION_READ.value,
        "o",
    )
)
register_entry(
    Entry(
        "verification:verification-list",
        _("Verifications"),
        "list-checks",
        Group.OPERATE,
        20,
        Permission.VERIFICATIONS_READ.value,
        "v",
    )
)


def _waiting(viewer: Viewer) -> Count | None:
    """What waits for this very person."""
    if not isinstance(viewer, Actor):
        return None
    number = waiting_for(viewer)
    return Count(number, words=ngettext("%(n)d waiting", "%(n)d waiting", number) % {"n": number}) if number else None


register_entry(
    Entry(
        "verification:approval-inbox",
        _("Approvals"),
        "clock-check",
        Group.OPERATE,
        30,
        Permission.APPROVALS_READ.value,
        "a",
        _waiting,
    )
)
register_entry(
    Entry(
        "verification:policy-list",
        _("Policies"),
        "file-check",
        Group.GOVERN,
        10,
        Permission.POLICIES_READ.value,
        "p",
    )
)
register_key(Scope.APPROVALS, "a", _("Approve once"))
register_key(Scope.APPROVALS, "h", _("Approve for an hour"))
register_key(Scope.APPROVALS, "d", _("Deny"))
register_settings_tab(
    SettingsTab("verification:settings", _("Verification defaults"), 35, Permission.ORGANIZATION_READ)
)
register_settings_tab(SettingsTab("verification:settings-ledger", _("Ledger"), 70, Permission.LEDGER_READ))


@palette_source("policies")
def find_policies(viewer: Viewer, text: str) -> Iterator[Hit]:
    if not text or not isinstance(viewer, Actor) or not viewer.may(Permission.POLICIES_READ):
        return
    found = policies_visible_to(viewer).prefetch_related(None).filter(name__icontains=text).order_by("name")
    for policy in found[:MOST_A_SOURCE]:
        url = reverse("verification:policy-detail", args=[policy.public_id])
        yield Hit(Kind.FIND, policy.name, url, "file-check")
