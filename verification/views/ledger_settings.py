"""The tab of the settings about the ledger: keys, checkpoints, and where they are kept."""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.errors import PermissionDeniedError
from accounts.pages.settings import settings_tab
from accounts.permissions import Permission
from accounts.selectors import organization_of
from agents.forms import ReasonForm
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import InvalidInputError, NotFoundError
from aim.ledger.models import Checkpoint
from verification.ledger_settings import (
    deliveries_for,
    ledger_keys,
    may_rotate,
    newest_checkpoints,
    runs_alone,
    unsealed_entries,
)
from verification.services.ledger_keys import rotate_ledger_key

HERE = "verification:settings-ledger"
_VERIFIER = Path(settings.BASE_DIR) / "docs" / "verifier" / "README.md"
_LARGEST_NUMBER = 18


@require_safe
@console_page(Permission.LEDGER_READ)
def ledger_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    checkpoints = newest_checkpoints()
    return settings_tab(
        request,
        actor,
        HERE,
        organization_of(actor),
        template="verification/settings_ledger.html",
        keys=ledger_keys(),
        checkpoints=[(checkpoint, bytes(checkpoint.root).hex()) for checkpoint in checkpoints],
        newest=checkpoints[0] if checkpoints else None,
        unsealed=unsealed_entries(),
        deliveries=deliveries_for(actor),
        may_rotate=may_rotate(actor),
        alone=runs_alone(actor),
        verifier=_VERIFIER.exists(),
    )


@require_safe
@console_page(Permission.LEDGER_PROVE)
def ledger_checkpoint(_request: HttpRequest, _actor: Actor, number: str) -> HttpResponse:
    """The signed note of one checkpoint, to keep elsewhere. It holds hashes and nothing of anybody's entries."""
    if not (number.isascii() and number.isdigit() and len(number) <= _LARGEST_NUMBER):
        raise NotFoundError
    checkpoint = Checkpoint.objects.filter(number=int(number)).first()
    if checkpoint is None:
        raise NotFoundError
    return _file(checkpoint.note, f"aim-checkpoint-{checkpoint.number}.txt")


@require_safe
@console_page(Permission.LEDGER_PROVE)
def ledger_verifier(_request: HttpRequest, _actor: Actor) -> HttpResponse:
    """How to verify without AIM, with the source of a verifier in it."""
    try:
        text = _VERIFIER.read_text()
    except OSError:
        raise Http404 from None
    return _file(text, "aim-verifier.md")


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.LEDGER_KEYS)
def ledger_rotate(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Asks for the reason, then replaces the key that signs."""
    if not runs_alone(actor):
        raise PermissionDeniedError(Permission.LEDGER_KEYS)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            rotate_ledger_key(actor, reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.add_error("reason", error.message)
        else:
            say(request, _("A new key signs from now on. Keep its verifier key."))
            return redirect_to(request, HERE)
    status = 422 if form.errors else 200
    context = {"form": form}
    return render_page(
        request, "verification/ledger_rotate.html", context, fragments={"dialog": "dialog"}, status=status
    )


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
