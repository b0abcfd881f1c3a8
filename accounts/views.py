"""The pages for signing in and out and for the password."""

from django.conf import settings
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.forms import PasswordForm, SignInForm
from accounts.models import User
from accounts.permissions import Permission
from accounts.selectors import memberships_of_user
from accounts.services.sessions import sign_in, sign_out
from accounts.services.users import change_password
from accounts.sessions import address_of, choose_organization, session_actor
from aim.errors import InvalidInputError, NotFoundError, ServiceError
from aim.ids import IdKind, InvalidIdError, parse_id

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            membership = sign_in(**form.cleaned_data, address=address_of(request.META))
        except ServiceError as error:
            form.add_error(None, error.message)
            # The form stays usable for assistive technology and password managers, so the status tells programs only.
            status = error.status
        else:
            login(request, membership.user, backend=_BACKEND)
            choose_organization(request, membership)
            return redirect(_next(request))
    elif isinstance(request.user, User) and session_actor(request):
        return redirect(_next(request))
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "accounts/login.html", context, status=status)


@never_cache
@require_POST
def logout_page(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    if actor and isinstance(request.user, User):
        sign_out(actor, request.user)
    logout(request)
    return redirect(settings.LOGIN_URL)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password_page(request: HttpRequest) -> HttpResponse:
    """Also for those who must replace a one-time password, whom no other page lets in."""
    actor = session_actor(request)
    if actor is None or not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path())
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            user = change_password(actor, current=values["current_password"], new=values["new_password"])
        except InvalidInputError as error:
            for problem in error.problems:
                form.add_error(problem.field, problem.message)
        else:
            # Every other session of the person ends: its hash is that of the old password.
            update_session_auth_hash(request, user)
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/password.html", {"form": form, "forced": request.user.must_change_password})


@require_POST
@console_page(Permission.ORGANIZATION_READ)
def organization_switch(request: HttpRequest, _actor: Actor) -> HttpResponse:
    """Go on in another organization that the person is a member of. Any other id is one that does not exist."""
    try:
        wanted = parse_id(IdKind.ORGANIZATION, request.POST.get("organization", ""))
    except InvalidIdError:
        raise NotFoundError from None
    assert isinstance(request.user, User)
    membership = memberships_of_user(request.user.id).filter(organization_id=wanted).first()
    if membership is None:
        raise NotFoundError
    choose_organization(request, membership)
    return redirect(settings.LOGIN_REDIRECT_URL)


def _next(request: HttpRequest) -> str:
    """Only a path of our own: anything else could send people to a look-alike."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/"):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)
