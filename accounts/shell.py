"""What the frame of the console shows of the person who looks: the organization, the navigation, what waits."""

from collections.abc import Sequence
from functools import cached_property, lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.console import ConsoleSession
from accounts.models import Membership, Organization
from accounts.notifications.selectors import MOST_COUNTED, unread_of
from accounts.permissions import Permission
from accounts.selectors import memberships_of_user
from aim.console.keyboard import registered_keys
from aim.console.navigation import Group, Item, navigation_for
from aim.console.preferences import Density, Theme


class Shell:
    """Everything is asked for once a page, and only where a template shows it."""

    themes: Sequence[tuple[str, Promise]] = (
        (Theme.SYSTEM, _("System")),
        (Theme.LIGHT, _("Light")),
        (Theme.DARK, _("Dark")),
    )
    densities: Sequence[tuple[str, Promise]] = (
        (Density.COMPACT, _("Compact")),
        (Density.STANDARD, _("Standard")),
        (Density.COMFORTABLE, _("Roomy")),
    )

    def __init__(self, session: ConsoleSession, path: str) -> None:
        self._actor = session.actor
        self._path = path
        self.membership = session.membership

    @property
    def organization(self) -> Organization:
        return self.membership.organization

    @property
    def person(self) -> str:
        return self.membership.user.name or self.membership.user.email

    @cached_property
    def memberships(self) -> list[Membership]:
        """Where else the person may act; the person stands in the session already."""
        places = memberships_of_user(self.membership.user_id).select_related(None).select_related("organization")
        return list(places.only("role", "organization__name"))

    @property
    def others(self) -> bool:
        """Whether there is another organization to change to."""
        return len(self.memberships) > 1

    @cached_property
    def navigation(self) -> list[tuple[Group, Promise | str, list[Item]]]:
        return list(navigation_for(self._actor, self._path))

    @property
    def waiting(self) -> list[Item]:
        """What the top bar says: entries whose count has words, while there is anything to count."""
        items = [item for _group, _title, items in self.navigation for item in items]
        return [item for item in items if item.count and item.count.number and item.count.words]

    @cached_property
    def unread(self) -> int:
        """How many notifications wait to be read, counted up to `MOST_COUNTED`."""
        return unread_of(self._actor)

    most_unread = MOST_COUNTED

    @property
    def groups(self) -> SafeString:
        """The navigation as it stands there: every page has it, and few look different."""
        draw = _groups if settings.DEBUG else _kept_groups
        return draw(tuple((group, title, tuple(items)) for group, title, items in self.navigation), get_language())

    @property
    def keys(self) -> SafeString:
        """The sheet of keys: one that opens a page stands there only where the person may open it."""
        mine = frozenset(item.entry.url_name for _group, _title, items in self.navigation for item in items)
        # While templates are being written, the sheet is that of the file as it is now.
        draw = _sheet_of_keys if settings.DEBUG else _kept_sheet_of_keys
        return draw(mine, get_language())

    @property
    def tour_is_due(self) -> bool:
        """Whether the welcome tour has still to come by itself."""
        return self.membership.user.tour_shown_at is None

    @property
    def may_report(self) -> bool:
        """Whether pages of agents and decisions offer to report suspicious behaviour."""
        return self._actor.may(Permission.REPORTS_MAKE)

    @property
    def may_design(self) -> bool:
        return self._actor.may(Permission.ORGANIZATION_WRITE)


def shell(request: HttpRequest) -> dict[str, Shell | None]:
    """The context processor: `shell` is None on pages in front of the console."""
    session = getattr(request, "console", None)
    return {"shell": Shell(session, request.path) if isinstance(session, ConsoleSession) else None}


def _groups(navigation: tuple[tuple[Group, Promise | str, tuple[Item, ...]], ...], _language: str | None) -> SafeString:
    return render_to_string("console/navigation_groups.html", {"groups": navigation})


# What it leads to, what is marked and what waits is all there is in it.
_kept_groups = lru_cache(maxsize=512)(_groups)


def _sheet_of_keys(mine: frozenset[str], _language: str | None) -> SafeString:
    sheet = [
        (scope, title, [key for key in keys if not key.url_name or key.url_name in mine])
        for scope, title, keys in registered_keys()
    ]
    known = {"sheet": [(scope, title, keys) for scope, title, keys in sheet if keys]}
    return render_to_string("console/keys.html", known)


# The same for all who may open the same pages in the same language, and a tenth of a page's work.
_kept_sheet_of_keys = lru_cache(maxsize=128)(_sheet_of_keys)
