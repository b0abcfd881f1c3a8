"""The way from a first factor to a session: every method comes through here, and meets the same checks in one order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.errors import InvitationEndedError
from accounts.models import Invitation, Membership, User, UserSession
from accounts.selectors import has_second_factor
from accounts.services.invitations import invitation_by_digest
from accounts.services.sessions import admissible_membership, begin_session, sign_out
from accounts.sessions import SESSION_KEY, actor_of, address_of, session_of
from aim import clock

BACKEND = "django.contrib.auth.backends.ModelBackend"
PATIENCE = timedelta(minutes=10)
_HALF_WAY = "half_way"
_INVITATION = "invitation"
_PROBLEM = "sign_in_problem"


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Somebody whose first factor was right, and who is asked for the second."""

    user: User
    method: str
    organization_id: UUID
    wanted: str


def advance(
    request: HttpRequest, user: User, *, method: str, organization_id: UUID | None = None, wanted: str = ""
) -> HttpResponse:
    """After a right first factor: ask for the second where the person has one, or begin the session.

    A passkey is both factors at once: it was unlocked by its owner. Raises what `admissible_membership` raises.
    """
    membership = admissible_membership(user, method, organization_id=organization_id)
    if method != UserSession.Method.PASSKEY and has_second_factor(user.id):
        request.session[_HALF_WAY] = {
            "user": user.id.hex,
            "method": method,
            "organization": membership.organization_id.hex,
            "wanted": own_path(wanted),
            "until": (clock.now() + PATIENCE).isoformat(),
        }
        return redirect("accounts:second-factor")
    strong = "passkey" if method == UserSession.Method.PASSKEY else ""
    return _enter(request, membership, method=method, second_factor=strong, wanted=wanted)


def finish(request: HttpRequest, half_way: HalfWay, *, second_factor: str) -> HttpResponse:
    """After a right second factor. What may have changed since the first is asked again."""
    membership = admissible_membership(half_way.user, half_way.method, organization_id=half_way.organization_id)
    return _enter(request, membership, method=half_way.method, second_factor=second_factor, wanted=half_way.wanted)


def half_way_of(request: HttpRequest) -> HalfWay | None:
    """Who is between the factors in this browser; None where nobody is, or it has taken too long."""
    state = request.session.get(_HALF_WAY)
    if not isinstance(state, Mapping) or clock.now() > datetime.fromisoformat(state["until"]):
        return None
    user = User.objects.filter(id=UUID(hex=state["user"]), is_active=True).first()
    if user is None:
        return None
    return HalfWay(user, state["method"], UUID(hex=state["organization"]), state["wanted"])


def keep_invitation(request: HttpRequest, invitation: Invitation) -> None:
    """The browser goes on without the secret in its address; the session keeps only the digest."""
    request.session[_INVITATION] = bytes(invitation.digest).hex()


def kept_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation that this browser has come with, while it is open."""
    digest = request.session.get(_INVITATION)
    if not digest:
        return None
    try:
        return invitation_by_digest(bytes.fromhex(digest))
    except InvitationEndedError:
        forget_invitation(request)
        return None


def forget_invitation(request: HttpRequest) -> None:
    request.session.pop(_INVITATION, None)


def show_problem(request: HttpRequest, message: str, *, retry: str = "") -> HttpResponse:
    """Back to the sign-in page, which says what went wrong and offers to try the same again."""
    request.session[_PROBLEM] = {"message": message, "retry": retry}
    return redirect("accounts:login")


def take_problem(request: HttpRequest) -> dict[str, Any]:
    problem = request.session.pop(_PROBLEM, None)
    return dict(problem) if isinstance(problem, Mapping) else {}


def own_path(wanted: str) -> str:
    """Only a path of our own: anything else could send people to a look-alike."""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/"):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def _enter(
    request: HttpRequest, membership: Membership, *, method: str, second_factor: str, wanted: str
) -> HttpResponse:
    before = session_of(request)
    session = begin_session(
        membership,
        method=method,
        second_factor=second_factor,
        address=address_of(request.META),
        user_agent=request.headers.get("User-Agent", ""),
    )
    if before is not None:
        sign_out(actor_of(before, address_of(request.META)), before)
    # A new key for the cookie: whoever knew the old one is left with nothing.
    request.session.flush()
    login(request, membership.user, backend=BACKEND)
    request.session[SESSION_KEY] = session.id.hex
    request.session.set_expiry(membership.organization.session_hours * 3600)
    return redirect(own_path(wanted))
