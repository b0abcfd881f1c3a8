"""The sign-in page: by password, by a provider, with an invitation or without; and signing out."""

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from accounts.errors import InvitationEndedError
from accounts.forms import JoinForm, SignInForm
from accounts.models import Invitation, User, UserSession
from accounts.services.invitations import accept_invitation, invitation_by_secret, join_with_password
from accounts.services.passwords import check_password
from accounts.services.sessions import move_session, sign_out
from accounts.services.users import user_by_email
from accounts.sessions import actor_of, address_of, obligation_of, session_of
from accounts.sign_in import (
    advance,
    forget_invitation,
    keep_invitation,
    kept_invitation,
    own_path,
    show_problem,
    take_problem,
)
from accounts.sso.providers import configured_providers, provider_title, to_provider
from aim.errors import InvalidInputError, ServiceError
from aim.mail.server import mail_is_configured

_INVITATION = "invitation"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    if _INVITATION in request.GET:
        return _arrive(request, request.GET[_INVITATION])
    invitation, session = kept_invitation(request), session_of(request)
    if request.method == "GET" and invitation is None and session and obligation_of(session) is None:
        return redirect(own_path(request.GET.get("next", "")))
    if invitation is not None and user_by_email(invitation.email) is None:
        return _join(request, invitation)
    form = SignInForm(request.POST or None, initial={"email": invitation.email if invitation else ""})
    if request.method == "POST" and form.is_valid():
        try:
            return _sign_in(request, form, invitation)
        except ServiceError as error:
            form.add_error(None, error.message)
            # The form stays usable for assistive technology and password managers, so the status tells programs only.
            return _page(request, form, invitation, status=error.status)
    return _page(request, form, invitation)


@never_cache
@require_GET
def provider_page(request: HttpRequest, provider: str) -> HttpResponse:
    """Off to the provider. Only from a page of ours, so that no other site begins a sign-in for somebody."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return redirect("accounts:login")
    session = session_of(request)
    linking = "link" in request.GET and session is not None and obligation_of(session) is None
    try:
        return to_provider(
            request, provider, process="connect" if linking else "login", wanted=own_path(request.GET.get("next", ""))
        )
    except (RequestException, ValueError):
        title = provider_title(provider)
        return show_problem(request, _("%(provider)s could not be reached.") % {"provider": title}, retry=provider)


@never_cache
@require_POST
def join_page(request: HttpRequest) -> HttpResponse:
    """A signed-in person accepts an invitation to another organization, and goes on there."""
    invitation, session = kept_invitation(request), session_of(request)
    if invitation is None or session is None or obligation_of(session) is not None:
        return redirect("accounts:login")
    address, user = address_of(request.META), session.membership.user
    try:
        accept_invitation(bytes(invitation.digest), user, address=address, method=session.method)
        move_session(actor_of(session, address), session, invitation.organization_id)
    except ServiceError as error:
        return show_problem(request, error.message)
    forget_invitation(request)
    return redirect(settings.LOGIN_REDIRECT_URL)


@never_cache
@require_POST
def logout_page(request: HttpRequest) -> HttpResponse:
    session = session_of(request)
    if session is not None:
        sign_out(actor_of(session, address_of(request.META)), session)
    logout(request)
    return redirect(settings.LOGIN_URL)


def _arrive(request: HttpRequest, secret: str) -> HttpResponse:
    """Take the secret out of the address, which histories and other pages see."""
    try:
        keep_invitation(request, invitation_by_secret(secret))
    except InvitationEndedError as error:
        forget_invitation(request)
        return show_problem(request, error.message)
    return redirect("accounts:login")


def _sign_in(request: HttpRequest, form: SignInForm, invitation: Invitation | None) -> HttpResponse:
    address = address_of(request.META)
    user = check_password(**form.cleaned_data, address=address, invited=invitation is not None)
    organization_id = None
    if invitation is not None:
        accept_invitation(bytes(invitation.digest), user, address=address, method=UserSession.Method.PASSWORD)
        organization_id = invitation.organization_id
    response = advance(
        request,
        user,
        method=UserSession.Method.PASSWORD,
        organization_id=organization_id,
        wanted=request.POST.get("next", ""),
    )
    forget_invitation(request)
    return response


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Somebody who has no account yet: by a provider, or with a password of their own choice."""
    form = JoinForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        address = address_of(request.META)
        values = form.cleaned_data
        try:
            user = join_with_password(
                bytes(invitation.digest), name=values["name"], password=values["new_password"], address=address
            )
            response = advance(
                request,
                user,
                method=UserSession.Method.PASSWORD,
                organization_id=invitation.organization_id,
            )
        except InvalidInputError as error:
            for problem in error.problems:
                form.add_error(problem.field, problem.message)
            status = error.status
        except ServiceError as error:
            form.add_error(None, error.message)
            status = error.status
        else:
            forget_invitation(request)
            return response
    return _page(request, form, invitation, status=status)


def _page(
    request: HttpRequest, form: SignInForm | JoinForm, invitation: Invitation | None, *, status: int = 200
) -> HttpResponse:
    problem = take_problem(request)
    session = session_of(request)
    signed_in = session.membership.user if session and obligation_of(session) is None else None
    retry = next((known for known in configured_providers() if known.key == problem.get("retry")), None)
    context = {
        "form": form,
        "joining": isinstance(form, JoinForm),
        "invitation": invitation,
        "may_use_password": invitation is None or not invitation.organization.sso_only,
        "may_continue": _is_invited(signed_in, invitation),
        "signed_in": signed_in,
        "providers": configured_providers(),
        "problem": problem.get("message", ""),
        "retry": retry,
        "next": request.POST.get("next") or request.GET.get("next", ""),
        "mail": mail_is_configured(),
        "hours": invitation.organization.session_hours if invitation else 12,
    }
    return render(request, "accounts/login.html", context, status=status)


def _is_invited(user: User | None, invitation: Invitation | None) -> bool:
    return user is not None and invitation is not None and user.email.lower() == invitation.email.lower()
