"""What an organization may demand of its people's sign-ins, and what would lock somebody out or let a stranger in."""

from collections.abc import Mapping
from typing import Any, TypedDict

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.errors import SignInMethodNeededError
from accounts.models import Membership, Organization, Role
from accounts.selectors import identities_of
from aim.errors import InvalidInputError, Problem

SECURITY_FIELDS = frozenset({"second_factor_required", "sso_only", "session_hours", "allowed_domains"})
SHORTEST_HOURS, LONGEST_HOURS = 1, 168
MOST_DOMAINS = 20
# Everybody can have an address there.
_PUBLIC = frozenset(
    (
        *("aol.com", "gmail.com", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com"),
        *("live.com", "mail.com", "mail.ru", "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com"),
        *("qq.com", "t-online.de", "web.de", "yahoo.com", "yandex.com", "yandex.ru", "zoho.com"),
    )
)


class Security(TypedDict, total=False):
    second_factor_required: bool
    sso_only: bool
    session_hours: int
    allowed_domains: list[str]


def check_security(actor: Actor, organization: Organization, changes: Mapping[str, Any]) -> None:
    """Raises `InvalidInputError`, `SignInMethodNeededError`."""
    hours = changes.get("session_hours")
    problems = []
    if hours is not None and not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
        message = ngettext(
            "Choose %(least)s to %(most)s hour.",
            "Choose %(least)s to %(most)s hours.",
            LONGEST_HOURS,
        ) % {"least": SHORTEST_HOURS, "most": LONGEST_HOURS}
        problems.append(Problem("security.session_hours", "out_of_range", message))
    problems += _domain_problems(organization, changes.get("allowed_domains") or [])
    if problems:
        raise InvalidInputError(tuple(problems))
    if changes.get("sso_only") and not identities_of(actor.self_id).exists():
        raise SignInMethodNeededError(_("Sign in with single sign-on once yourself before you demand it of everybody."))


def clean_domain(text: str) -> str:
    """As it is stored and compared; raises `InvalidInputError` for text that is no domain."""
    domain = text.strip().lower().removeprefix("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        domain = ""
    labels = domain.split(".")
    if len(labels) < 2 or not all(label and len(label) <= 63 and _is_label(label) for label in labels):  # noqa: PLR2004
        message = _('"%(text)s" is no domain such as example.com.') % {"text": text[:80]}
        raise InvalidInputError((Problem("security.allowed_domains", "invalid", message),))
    return domain


def _domain_problems(organization: Organization, domains: list[str]) -> list[Problem]:
    """An organization may name only domains that it has an admin at: nobody claims another's people."""
    field = "security.allowed_domains"
    if len(domains) > MOST_DOMAINS:
        return [
            Problem(
                field,
                "too_many",
                ngettext("Name at most %(most)s domain.", "Name at most %(most)s domains.", MOST_DOMAINS)
                % {"most": MOST_DOMAINS},
            )
        ]
    admins = Membership.objects.filter(organization=organization, role=Role.ADMIN, user__is_active=True)
    own = {email.rpartition("@")[2].lower() for email in admins.values_list("user__email", flat=True)}
    problems = []
    for domain in domains:
        if domain in _PUBLIC:
            problems.append(
                Problem(field, "public", _("Everybody can have an address at %(domain)s.") % {"domain": domain})
            )
        elif domain not in own:
            problems.append(
                Problem(
                    field,
                    "not_yours",
                    _("No admin of this organization has an address at %(domain)s.") % {"domain": domain},
                )
            )
    return problems


def _is_label(label: str) -> bool:
    return label.replace("-", "a").isalnum() and label.isascii() and label[0] != "-" and label[-1] != "-"
