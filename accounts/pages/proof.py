"""Is it still you? Asked before a critical change in a session that may have been left open."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import leave
from accounts.forms import ProofForm
from accounts.pages.second_factor import credential_of
from accounts.selectors import identities_of, second_factors_of
from accounts.services.passwords import check_password
from accounts.services.second_factors import begin_passkey_check, check_code, check_passkey
from accounts.services.sessions import note_proof
from accounts.sessions import actor_of, address_of, obligation_of, session_of
from accounts.sign_in import own_path
from accounts.sso.providers import configured_providers
from aim.errors import ServiceError


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def proof_page(request: HttpRequest) -> HttpResponse:
    """By the password, a code or a passkey; who has none of them signs in with the provider again."""
    session = session_of(request)
    if session is None or obligation_of(session) is not None:
        return leave(request)
    wanted = own_path(request.POST.get("next") or request.GET.get("next", ""))
    user, address = session.membership.user, address_of(request.META)
    form, status = ProofForm(request.POST or None), 200
    if request.method == "POST":
        try:
            by = ""
            if "credential" in request.POST:
                check_passkey(user, credential_of(request), address=address)
                by = "passkey"
            elif form.is_valid() and form.cleaned_data["code"]:
                by = check_code(user, form.cleaned_data["code"], address=address)
            elif form.is_valid() and form.cleaned_data["password"]:
                check_password(email=user.email, password=form.cleaned_data["password"], address=address)
                by = "password"
            if by:
                note_proof(actor_of(session, address), session, by=by)
                return redirect(wanted)
        except ServiceError as error:
            form.add_error(None, error.message)
            status = error.status
    types = {factor.type for factor in second_factors_of(user.id)}
    linked = {account.provider for account in identities_of(user.id)}
    context = {
        "form": form,
        "next": wanted,
        "password": user.has_usable_password(),
        "app": "totp" in types,
        "passkey": "webauthn" in types,
        "providers": [provider for provider in configured_providers() if provider.key in linked],
    }
    return render(request, "accounts/proof.html", context, status=status)


@never_cache
@require_POST
def proof_options(request: HttpRequest) -> JsonResponse:
    """What the browser signs with one of the person's own passkeys."""
    session = session_of(request)
    if session is None or obligation_of(session) is not None:
        raise Http404
    return JsonResponse(begin_passkey_check(session.membership.user))
