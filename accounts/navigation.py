"""Where the settings stand in the navigation, and their tabs."""

from django.utils.translation import gettext_lazy as _

from accounts.permissions import Permission
from aim.console.keyboard import Scope, register_key
from aim.console.navigation import Entry, Group, register_entry
from aim.console.settings_tabs import SettingsTab, register_settings_tab

register_key(Scope.EVERYWHERE, "g b", _("Notifications"))
register_entry(
    Entry(
        url_name="accounts:settings",
        label=_("Settings"),
        icon="settings",
        group=Group.FOOT,
        order=90,
        permission=Permission.ORGANIZATION_READ,
        key="s",
    )
)
for order, (url_name, label, permission) in enumerate(
    (
        ("accounts:settings", _("Organization"), Permission.ORGANIZATION_READ),
        ("accounts:members", _("Members and teams"), Permission.MEMBERS_READ),
        ("accounts:roles", _("Roles"), Permission.ORGANIZATION_READ),
        ("accounts:security", _("Security"), Permission.ORGANIZATION_READ),
        ("accounts:alerts", _("Alert preferences"), Permission.ORGANIZATION_READ),
        ("accounts:tokens", _("API tokens"), Permission.TOKENS_OWN),
    )
):
    register_settings_tab(SettingsTab(url_name, label, 10 * (order + 1), permission))
