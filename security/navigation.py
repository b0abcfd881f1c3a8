"""Where the reports stand in the navigation."""

from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.navigation import Count, Entry, Group, register_entry
from aim.console.viewer import Viewer
from security.selectors import undecided_reports


def undecided(viewer: Viewer) -> Count | None:
    """For those who handle them."""
    number = undecided_reports(viewer) if isinstance(viewer, Actor) else 0
    return Count(number) if number else None


register_entry(
    Entry(
        url_name="security:reports",
        label=_("Reports"),
        icon="flag",
        group=Group.OPERATE,
        order=60,
        permission=Permission.REPORTS_MAKE,
        key="r",
        count=undecided,
    )
)
