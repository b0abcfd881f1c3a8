"""Decisions as a list of the console: its columns, and what of its address counts."""

from django.utils.translation import gettext_lazy as _

from accounts.permissions import Permission
from aim.console.list_kinds import Column, ListKind, register_list

VERIFICATION_LIST = register_list(
    ListKind(
        name="verifications",
        url_name="verification:verification-list",
        everything=_("All verifications"),
        permission=Permission.VERIFICATIONS_READ,
        columns=(
            Column("time", _("Time"), fixed=True),
            Column("verdict", _("Verdict"), fixed=True),
            Column("checks", _("Checks")),
            Column("agent", _("Agent"), fixed=True),
            Column("action", _("Action")),
            Column("resource", _("Resource"), fixed=True),
            Column("user", _("On behalf of")),
            Column("session", _("Session"), usual=False),
            Column("reason", _("Reason")),
            Column("code", _("Code"), usual=False),
            Column("duration", _("Duration")),
        ),
        parameters=(
            "range",
            "since",
            "until",
            "q",
            "status",
            "action",
            "agent",
            "code",
            "data",
            "user",
            "session",
            "sort",
        ),
    )
)
