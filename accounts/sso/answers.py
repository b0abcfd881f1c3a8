"""What the browser gets after a provider has answered: on to the session, or back with the reason and a retry."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, gettext_noop
from requests import RequestException

from accounts.models import User
from accounts.services.attempts import note_failure
from accounts.services.identities import Identity, link_identity, recognize
from accounts.sessions import actor_of, address_of, obligation_of, session_of
from accounts.sign_in import advance, forget_invitation, kept_invitation, own_path, show_problem
from accounts.sso.providers import provider_title
from aim.console.toasts import say
from aim.errors import ServiceError

_REASONS = {
    "cancelled": gettext_noop("You cancelled at %(provider)s."),
    "lost": gettext_noop(
        "This answer of %(provider)s belongs to no sign-in that was begun in this browser, or it took too long."
    ),
    "failed": gettext_noop("%(provider)s refused the sign-in."),
    "unreachable": gettext_noop("%(provider)s could not be reached."),
}


def recognized(request: HttpRequest, identity: Identity, *, wanted: str) -> HttpResponse:
    """The provider vouches for this identity: whoever it is goes on like everybody with a right first factor."""
    invitation, address = kept_invitation(request), address_of(request.META)
    try:
        user = recognize(identity, invitation=bytes(invitation.digest) if invitation else None, address=address)
        organization_id = invitation.organization_id if invitation else None
        response = advance(
            request, user, method=identity.provider, organization_id=organization_id, wanted=own_path(wanted)
        )
    except ServiceError as error:
        email = next(iter(identity.confirmed), identity.claimed)
        note_failure(None, email=email, address=address, method=identity.provider)
        return show_problem(request, error.message, retry=identity.provider)
    forget_invitation(request)
    return response


def linked(request: HttpRequest, identity: Identity) -> HttpResponse:
    """A signed-in person has asked to add this identity to their account."""
    session = session_of(request)
    if session is None or obligation_of(session) is not None:
        return show_problem(request, gettext("Session expired. Please sign in again."))
    user = session.membership.user
    assert isinstance(user, User)
    try:
        link_identity(actor_of(session, address_of(request.META)), user, identity)
    except ServiceError as error:
        say(request, error.message, failed=True)
    else:
        title = provider_title(identity.provider)
        say(request, gettext("You can sign in with %(provider)s now.") % {"provider": title})
    return redirect("accounts:account")


def refused(request: HttpRequest, provider: str, *, reason: str, exception: Exception | None) -> HttpResponse:
    """The provider, or the way to it, has failed."""
    if isinstance(exception, RequestException):
        reason = "unreachable"
    note_failure(None, email="", address=address_of(request.META), method=provider)
    title = provider_title(provider)
    return show_problem(request, gettext(_REASONS[reason]) % {"provider": title}, retry=provider)
