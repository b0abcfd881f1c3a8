"""The second factor at sign-in, the sign-in by passkey alone, and adding the first factor where one is demanded."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import leave
from accounts.forms import CodeForm
from accounts.models import UserSession
from accounts.pages.factor_enrolment import app_enrolment
from accounts.selectors import second_factors_of
from accounts.services.second_factors import begin_passkey, begin_passkey_check, check_code, check_passkey
from accounts.sessions import Obligation, address_of, obligation_of, session_of
from accounts.sign_in import advance, finish, half_way_of, show_problem
from aim.errors import ServiceError


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Between the factors: a code of the app, a recovery code, or a passkey."""
    half_way = half_way_of(request)
    if half_way is None:
        return show_problem(request, _("That took too long. Sign in again."))
    form, status = CodeForm(request.POST or None), 200
    if request.method == "POST":
        try:
            if "credential" in request.POST:
                check_passkey(half_way.user, credential_of(request), address=address_of(request.META))
                return finish(request, half_way, second_factor="passkey")
            if form.is_valid():
                kind = check_code(half_way.user, form.cleaned_data["code"], address=address_of(request.META))
                return finish(request, half_way, second_factor=kind)
        except ServiceError as error:
            form.add_error(None, error.message)
            status = error.status
    types = {factor.type for factor in second_factors_of(half_way.user.id)}
    context = {"form": form, "email": half_way.user.email, "app": "totp" in types, "passkey": "webauthn" in types}
    return render(request, "accounts/second_factor.html", context, status=status)


@never_cache
@require_POST
def passkey_check_options(request: HttpRequest) -> JsonResponse:
    """What the browser signs: for whoever is between the factors, or for anybody who wants in by passkey alone."""
    half_way = half_way_of(request) if "second" in request.GET else None
    return JsonResponse(begin_passkey_check(half_way.user if half_way else None))


@never_cache
@require_POST
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    try:
        user = check_passkey(None, credential_of(request), address=address_of(request.META))
        return advance(request, user, method=UserSession.Method.PASSKEY, wanted=request.POST.get("next", ""))
    except ServiceError as error:
        return show_problem(request, error.message, retry="passkey")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def add_second_factor_page(request: HttpRequest) -> HttpResponse:
    """For those whose organization demands a second factor, before anything else."""
    session = session_of(request)
    duty = obligation_of(session) if session else None
    if session is None or duty == Obligation.SIGN_IN_AGAIN:
        return leave(request)
    if duty != Obligation.ADD_SECOND_FACTOR:
        return redirect("home")
    return app_enrolment(request, session, template="accounts/second_factor_add.html")


@never_cache
@require_POST
def passkey_options(request: HttpRequest) -> JsonResponse:
    """What the browser makes a passkey from, for somebody signed in or obliged to add one."""
    session = session_of(request)
    if session is None or obligation_of(session) not in {None, Obligation.ADD_SECOND_FACTOR}:
        raise Http404
    return JsonResponse(begin_passkey(session.membership.user))


def credential_of(request: HttpRequest) -> Any:
    """What the browser has answered; text that is no JSON is an answer that fits nothing."""
    try:
        return json.loads(request.POST.get("credential", ""))
    except ValueError:
        return None
