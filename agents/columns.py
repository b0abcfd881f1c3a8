"""The registry as a list of the console: its columns, and what of its address counts."""

from django.utils.translation import gettext_lazy as _

from accounts.permissions import Permission
from aim.console.list_kinds import Column, ListKind, register_list

AGENT_LIST = register_list(
    ListKind(
        name="agents",
        url_name="agents:agent-list",
        everything=_("All agents"),
        permission=Permission.AGENTS_READ,
        columns=(
            Column("agent", _("Agent"), fixed=True),
            Column("slug", _("Name"), usual=False),
            Column("type", _("Type"), usual=False),
            Column("version", _("Version")),
            Column("status", _("Status"), fixed=True),
            Column("trust", _("Trust")),
            Column("key", _("Key")),
            Column("calls", _("Calls, 24 h")),
            Column("denied", _("Denied")),
            Column("capabilities", _("Capabilities"), usual=False),
            Column("owner", _("Owner")),
            Column("registered", _("Registered"), usual=False),
            Column("last_call", _("Last call")),
        ),
        parameters=("q", "status", "capability", "trust", "key", "owner", "type", "sort"),
    )
)
