"""Passwords: changed by who knows the old one, or set anew by a link in a mail."""

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.console import leave
from accounts.errors import LinkEndedError
from accounts.forms import ForgottenForm, NewPasswordForm, PasswordForm
from accounts.services.passwords import ask_for_new_password, change_password, reset_password, user_by_reset_link
from accounts.sessions import Obligation, actor_of, address_of, obligation_of, session_of
from accounts.sign_in import show_problem
from aim.errors import InvalidInputError, ServiceError
from aim.mail.server import mail_is_configured

_LINK = "password_link"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password_page(request: HttpRequest) -> HttpResponse:
    """Also for those who must replace a one-time password, whom no other page lets in."""
    session = session_of(request)
    duty = obligation_of(session) if session else None
    if session is None or duty == Obligation.SIGN_IN_AGAIN:
        return leave(request)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actor, values = actor_of(session, address_of(request.META)), form.cleaned_data
        try:
            user = change_password(actor, current=values["current_password"], new=values["new_password"], kept=session)
        except InvalidInputError as error:
            for problem in error.problems:
                form.add_error(problem.field, problem.message)
        except ServiceError as error:
            form.add_error(None, error.message)
        else:
            # Every other session of the person ends: its hash is that of the old password.
            update_session_auth_hash(request, user)
            return redirect(settings.LOGIN_REDIRECT_URL)
    context = {"form": form, "forced": duty == Obligation.CHANGE_PASSWORD}
    return render(request, "accounts/password.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten_page(request: HttpRequest) -> HttpResponse:
    """The answer is the same whether or not there is an account."""
    form = ForgottenForm(request.POST or None)
    asked, status = False, 200
    if request.method == "POST" and form.is_valid() and mail_is_configured():
        try:
            ask_for_new_password(email=form.cleaned_data["email"], address=address_of(request.META))
            asked = True
        except ServiceError as error:
            form.add_error(None, error.message)
            status = error.status
    context = {"form": form, "asked": asked, "mail": mail_is_configured()}
    return render(request, "accounts/forgotten.html", context, status=status)


@never_cache
@require_http_methods(["GET"])
def reset_link_page(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Take the link out of the address before a form is shown."""
    try:
        user_by_reset_link(uid, token)
    except LinkEndedError as error:
        return show_problem(request, error.message)
    request.session[_LINK] = [uid, token]
    return redirect("accounts:password-new")


@sensitive_variables("token")
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def reset_page(request: HttpRequest) -> HttpResponse:
    uid, token = request.session.get(_LINK) or ("", "")
    form = NewPasswordForm(request.POST or None)
    try:
        user = user_by_reset_link(uid, token)
        if request.method == "POST" and form.is_valid():
            reset_password(
                uid=uid, token=token, new=form.cleaned_data["new_password"], address=address_of(request.META)
            )
            request.session.flush()
            return show_problem(request, _("Your password is changed. Sign in with it."))
    except InvalidInputError as error:
        for problem in error.problems:
            form.add_error(problem.field, problem.message)
    except ServiceError as error:
        request.session.pop(_LINK, None)
        return show_problem(request, error.message)
    return render(request, "accounts/password_new.html", {"form": form, "email": user.email})
