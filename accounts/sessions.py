"""The console's session: which of the signed-in person's organizations it acts in, asked anew for every request."""

from collections.abc import Mapping
from uuid import UUID

from django.http import HttpRequest

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.models import Membership, User
from accounts.selectors import memberships_of_user
from aim.client_address import client_address

ORGANIZATION_KEY = "organization_id"
CREDENTIAL = "session"


def address_of(headers: Mapping[str, str]) -> str | None:
    """The caller's address by `request.META`."""
    return client_address(headers.get("REMOTE_ADDR"), headers.get("HTTP_X_FORWARDED_FOR"))


def session_membership(request: HttpRequest) -> Membership | None:
    """The membership that the session acts by; None where nobody is signed in or the membership has ended."""
    user = getattr(request, "user", None)
    chosen = request.session.get(ORGANIZATION_KEY)
    if not isinstance(user, User) or not chosen:
        return None
    membership = memberships_of_user(user.id).filter(organization_id=UUID(chosen)).first()
    return membership if membership and is_usable(membership) else None


def session_actor(request: HttpRequest) -> Actor | None:
    membership = session_membership(request)
    return person_actor(membership, credential=CREDENTIAL, address=address_of(request.META)) if membership else None


def choose_organization(request: HttpRequest, membership: Membership) -> None:
    request.session[ORGANIZATION_KEY] = membership.organization_id.hex
