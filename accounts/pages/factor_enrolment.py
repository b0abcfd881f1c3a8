"""Adding an app or a passkey: one form on two pages, for those who want it and those who must."""

import base64
import json
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.forms import CodeForm
from accounts.models import UserSession
from accounts.services.second_factors import Enrolment, add_app, add_passkey
from accounts.sessions import actor_of, address_of
from aim.encryption import UndecryptableError, decrypt, encrypt
from aim.errors import ServiceError

_SECRET = "app_secret"  # noqa: S105 - a key of the session


def app_enrolment(request: HttpRequest, session: UserSession, *, template: str, **context: Any) -> HttpResponse:
    """Show the secret and its picture; take the code or the passkey; show the recovery codes."""
    form, status = CodeForm(request.POST or None), 200
    user, actor = session.membership.user, actor_of(session, address_of(request.META))
    if request.method == "POST":
        try:
            if "credential" in request.POST:
                credential = _parsed(request.POST["credential"])
                name = request.POST.get("name", "")
                return _done(request, add_passkey(actor, user, name=name, credential=credential, session=session))
            if form.is_valid():
                code = form.cleaned_data["code"]
                return _done(request, add_app(actor, user, secret=_secret(request), code=code, session=session))
        except ServiceError as error:
            if error.code == "proof_required":
                raise
            form.add_error(None, error.message)
            status = error.status
    secret = _secret(request)
    values = {**context, "form": form, "secret": secret, "picture": _picture(user, secret), "required": True}
    return render(request, template, values, status=status)


def _done(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    request.session.pop(_SECRET, None)
    context = {"codes": enrolment.recovery_codes, "added": enrolment.authenticator}
    return render(request, "accounts/recovery_codes.html", context)


def _secret(request: HttpRequest) -> str:
    """The same until the code for it was right, so that a typing error costs no second scan."""
    try:
        return decrypt(request.session.get(_SECRET, "").encode()).decode()
    except UndecryptableError:
        secret = str(generate_totp_secret())
        request.session[_SECRET] = encrypt(secret.encode()).decode()
        return secret


def _picture(user: Any, secret: str) -> str:
    """The QR code, as the address of an image that holds it."""
    adapter = get_adapter()
    svg = adapter.build_totp_svg(adapter.build_totp_url(user, secret))
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
