"""Where decisions stand in the console's navigation."""

from django.utils.translation import gettext_lazy as _

from accounts.permissions import Permission
from aim.console.navigation import Entry, Group, register_entry

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
