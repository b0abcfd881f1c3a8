"""One's own API tokens: made here, shown once, revoked at any time."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_of, console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.selectors import token_by_id, tokens_of
from accounts.services.tokens import EVERYTHING, create_token, revoke_token
from accounts.settings_forms import TokenForm
from aim import clock
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.settings_tabs import settings_tabs_for
from aim.console.toasts import say
from aim.errors import InvalidInputError
from aim.ids import IdKind


@require_safe
@console_page(Permission.TOKENS_OWN)
def token_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    tokens = tokens_of(actor).filter(revoked_at=None).order_by("-id")
    now = clock.now()
    context = {
        "tabs": settings_tabs_for(actor, "accounts:tokens"),
        "tokens": [(token, token.expires_at <= now) for token in tokens],
    }
    return render_page(request, "accounts/settings_tokens.html", context)


@require_http_methods(["GET", "POST"])
@console_page(Permission.TOKENS_OWN, secret=True)
def token_new(request: HttpRequest, actor: Actor) -> HttpResponse:
    actor.require_fresh()
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        everything = values["scope"] == "all"
        reading = sorted(p.value for p in actor.permissions if p.value.endswith(":read"))
        try:
            _token, made = create_token(
                actor,
                values["name"],
                membership=console_of(request).membership,
                scopes=[EVERYTHING] if everything else reading,
                expires_at=clock.now() + timedelta(days=values["days"]),
            )
            secret = made.text
        except InvalidInputError as error:
            form.add_error(None, error.message)
    context = {"form": form, "secret": secret}
    status = 422 if form.errors else 200
    return render_page(request, "accounts/token_new.html", context, fragments={"dialog": "dialog"}, status=status)


@require_POST
@console_page(Permission.TOKENS_OWN)
def token_revoke(request: HttpRequest, actor: Actor, token_id: str) -> HttpResponse:
    token = token_by_id(actor, path_id(IdKind.TOKEN, token_id))
    revoke_token(actor, token.id)
    say(request, _("The token %(name)s is revoked.") % {"name": token.name})
    return redirect_to(request, "accounts:tokens")
