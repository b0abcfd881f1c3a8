"""One's own account: name, ways to sign in, second factors, sessions."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_of, console_page
from accounts.contracts import Actor
from accounts.pages.factor_enrolment import app_enrolment
from accounts.permissions import Permission
from accounts.selectors import identities_of, second_factors_of, sessions_of
from accounts.services.identities import unlink_identity
from accounts.services.second_factors import make_recovery_codes, remaining_recovery_codes, remove_second_factor
from accounts.services.sessions import end_other_sessions, end_session
from accounts.services.users import rename_user
from accounts.settings_forms import NameForm
from accounts.sso.providers import configured_providers, provider_title
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import NotFoundError, ServiceError
from aim.ids import IdKind


@require_http_methods(["GET", "POST"])
@console_page(Permission.TOKENS_OWN)
def account_page(request: HttpRequest, actor: Actor) -> HttpResponse:
    console = console_of(request)
    user = console.membership.user
    form = NameForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        rename_user(actor, form.cleaned_data["name"])
        say(request, _("Settings saved successfully"))
        return redirect_to(request, "accounts:account")
    identities = list(identities_of(user.id))
    linked = {identity.provider for identity in identities}
    context = {
        "form": form,
        "person": user,
        "membership": console.membership,
        "factors": [(factor, str(factor)) for factor in second_factors_of(user.id)],
        "codes": remaining_recovery_codes(user.id),
        "identities": [(identity, provider_title(identity.provider)) for identity in identities],
        "linkable": [provider for provider in configured_providers() if provider.key not in linked],
        "sessions": sessions_of(actor).order_by("-seen_at"),
        "current": console.session.id,
    }
    return render_page(request, "accounts/account.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@console_page(Permission.TOKENS_OWN, secret=True)
def factor_add(request: HttpRequest, actor: Actor) -> HttpResponse:
    actor.require_fresh()
    return app_enrolment(request, console_of(request).session, template="accounts/factor_add.html")


@require_POST
@console_page(Permission.TOKENS_OWN)
def factor_remove(request: HttpRequest, actor: Actor, factor_id: int) -> HttpResponse:
    try:
        remove_second_factor(actor, factor_id)
    except ServiceError as error:
        return _refused(request, error)
    say(request, _("The second factor is removed."))
    return redirect_to(request, "accounts:account")


@require_POST
@console_page(Permission.TOKENS_OWN, secret=True)
def recovery_codes_new(request: HttpRequest, actor: Actor) -> HttpResponse:
    try:
        codes = make_recovery_codes(actor)
    except ServiceError as error:
        return _refused(request, error)
    return render_page(request, "accounts/recovery_codes.html", {"codes": codes, "added": None})


@require_POST
@console_page(Permission.TOKENS_OWN)
def identity_unlink(request: HttpRequest, actor: Actor, identity_id: int) -> HttpResponse:
    try:
        unlink_identity(actor, identity_id)
    except ServiceError as error:
        return _refused(request, error)
    say(request, _("It no longer signs you in."))
    return redirect_to(request, "accounts:account")


@require_POST
@console_page(Permission.TOKENS_OWN)
def session_end(request: HttpRequest, actor: Actor, session_id: str) -> HttpResponse:
    end_session(actor, path_id(IdKind.SESSION, session_id))
    say(request, _("The session is ended."))
    return redirect_to(request, "accounts:account")


@require_POST
@console_page(Permission.TOKENS_OWN)
def sessions_end(request: HttpRequest, actor: Actor) -> HttpResponse:
    console = console_of(request)
    end_other_sessions(actor, console.membership.user, kept=console.session.id)
    say(request, _("All other sessions are ended."))
    return redirect_to(request, "accounts:account")


def _refused(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """The door knows what to do with a missing proof and an unknown id; the rest is said on the page."""
    if error.code == "proof_required" or isinstance(error, NotFoundError):
        raise error
    say(request, error.message, failed=True)
    return redirect_to(request, "accounts:account")
