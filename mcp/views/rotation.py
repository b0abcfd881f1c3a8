"""The change of a server's key from its page: planned, agreed to, proved live, followed day by day, ended."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.forms import ReasonForm
from aim import clock
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError, NotFoundError
from aim.ids import IdKind
from mcp.fragments import NEW_KEY, REACHED
from mcp.identity import identity_of
from mcp.keys import DEFAULT_DAYS, Examination
from mcp.models import KeyRotation, McpServer, VerificationRun
from mcp.registration_form import KEY_TYPES
from mcp.selectors import rotation_by_id, server_by_id
from mcp.services.reaching import check_reachable
from mcp.services.rotation import (
    RotationPlan,
    abandon_rotation,
    complete_rotation,
    confirm_rotation,
    examine_new_key,
    revoke_key,
    start_rotation,
)
from mcp.services.runs import start_run
from mcp.views.runs import to_run


class RotationForm(forms.Form):
    """A plan for another key. The rules are those of `mcp.services.rotation`."""

    public_key = forms.CharField(
        label=_("New Key"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "placeholder": "-----BEGIN PUBLIC KEY-----"}),
    )
    key_type = forms.ChoiceField(label=_("Key Type"), required=False, choices=KEY_TYPES)
    method = forms.ChoiceField(
        label=_("Rotation Method"), choices=KeyRotation.Method.choices, initial=KeyRotation.Method.GRADUAL
    )
    days = forms.IntegerField(
        label=_("Rollover period (days)"), initial=DEFAULT_DAYS, help_text=_("1 to 30 days. Both keys are accepted.")
    )
    verification_url = forms.CharField(
        label=_("Verification URL"),
        required=False,
        max_length=2048,
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    server_updated = forms.BooleanField(
        label=_("I have updated my server with the new private key"),
        error_messages={"required": _("Confirm that the server has the new private key.")},
    )

    def plan(self) -> RotationPlan:
        values = self.cleaned_data
        return RotationPlan(
            public_key=values["public_key"].strip(),
            key_type=values["key_type"] or None,
            method=values["method"],
            days=values["days"],
            verification_url=values["verification_url"].strip(),
            server_updated=values["server_updated"],
        )

    def take(self, error: InvalidInputError | ConflictError) -> None:
        for problem in error.problems:
            field = problem.field if problem.field in self.fields else None
            if field is None or problem.message not in self.errors.get(field, []):
                self.add_error(field, problem.message)
        if not error.problems:
            self.add_error(None, error.message)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_rotate(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """The plan with everything that is judged of it at once; sent off, it begins, and the new key is to be proved."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    if request.method != "POST":
        form = RotationForm(initial={"verification_url": server.verification_url})
        return _plan(request, server, form, None)
    form = RotationForm(request.POST)
    if form.is_valid():
        try:
            rotation = start_rotation(actor, server.id, form.plan())
        except (InvalidInputError, ConflictError) as error:
            form.take(error)
        else:
            say(request, gettext("Key rotation initiated successfully!"))
            return _started(request, server_by_id(actor, server.id), rotation)
    text = request.POST.get("public_key", "")
    examination = examine_new_key(actor, server.id, public_key=text) if text.strip() else None
    return _plan(request, server, form, examination)


@require_POST
@console_page(Permission.MCP_WRITE)
def server_new_key(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """The list of checks while a new key is pasted."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    text = request.POST.get("public_key", "")[:20_000]
    kind = request.POST.get("key_type") or None
    examination = examine_new_key(actor, server.id, public_key=text, key_type=kind) if text.strip() else None
    context = {**_shown_plan(server, examination, request.POST), "examination": examination}
    return render_page(request, "mcp/server_new_key.html", context, fragments={NEW_KEY: "result"})


@require_POST
@console_page(Permission.MCP_WRITE)
def server_reach(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """Whether a verification URL answers, before it is kept."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    url, problem = request.POST.get("verification_url", "").strip(), ""
    try:
        if not url:
            problem = gettext("Enter an address first.")
        else:
            check_reachable(server, url, field="verification_url")
    except InvalidInputError as error:
        problem = " ".join(found.message for found in error.problems) or error.message
    context = {"url": url, "problem": problem}
    return render_page(request, "mcp/server_reached.html", context, fragments={REACHED: "result"})


@require_POST
@console_page(Permission.MCP_WRITE)
def rotation_prove(request: HttpRequest, actor: Actor, server_id: str, rotation_id: str) -> HttpResponse:
    """Verify New Key: a run that only the holder of the new private key passes."""
    server, rotation = _found(actor, server_id, rotation_id)
    try:
        run = start_run(
            actor,
            server.id,
            purpose=VerificationRun.Purpose.NEW_KEY,
            trigger=VerificationRun.Trigger.ROTATION,
            key=rotation.new_key,
        )
    except ConflictError as error:
        say(request, error.message, failed=True)
        return _back(request, server)
    return to_run(request, actor, server, run)


@require_POST
@console_page(Permission.MCP_ATTEST)
def rotation_confirm(request: HttpRequest, actor: Actor, server_id: str, rotation_id: str) -> HttpResponse:
    """The second admin's consent."""
    server, rotation = _found(actor, server_id, rotation_id)
    try:
        confirm_rotation(actor, server.id, rotation_id=rotation.id)
        say(request, gettext("The rotation is confirmed. The new key is to be proved now."))
    except ConflictError as error:
        say(request, error.message, failed=True)
    return _back(request, server)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def rotation_complete(request: HttpRequest, actor: Actor, server_id: str, rotation_id: str) -> HttpResponse:
    server, rotation = _found(actor, server_id, rotation_id)
    if request.method == "POST":
        try:
            complete_rotation(actor, server.id, rotation_id=rotation.id)
            say(request, gettext("The rollover is complete. The old key is no longer accepted."))
        except ConflictError as error:
            say(request, error.message, failed=True)
        return _back(request, server)
    context = {"server": server, "rotation": rotation}
    return render_page(request, "mcp/rotation_complete.html", context, fragments={"dialog": "dialog"})


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def rotation_abandon(request: HttpRequest, actor: Actor, server_id: str, rotation_id: str) -> HttpResponse:
    server, rotation = _found(actor, server_id, rotation_id)

    def abandon(reason: str) -> None:
        abandon_rotation(actor, server.id, rotation_id=rotation.id, reason=reason)

    words = {
        "title": _("Abandon the rotation"),
        "text": _("The new key is given up; the old one stays in charge."),
        "button": _("Abandon rotation"),
        "said": _("The rotation is abandoned. The old key stays in charge."),
    }
    address = reverse("mcp:rotation-abandon", args=[server.public_id, rotation.public_id])
    return _reasoned(request, server, abandon, words, address)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_LIFECYCLE)
def server_key_revoke(request: HttpRequest, actor: Actor, server_id: str, key_id: str) -> HttpResponse:
    """A key may be stolen: it is not accepted from now on."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    identifier = path_id(IdKind.MCP_KEY, key_id)
    key = next((key for key in server.keys.all() if key.id == identifier), None)
    if key is None:
        raise NotFoundError

    def revoke(reason: str) -> None:
        revoke_key(actor, server.id, key_id=key.id, reason=reason)

    words = {
        "title": _("Revoke a stolen key"),
        "text": _(
            "From the moment this is confirmed nothing accepts the key. Without another proved key the server is"
            " unverified, and calls through it are denied."
        ),
        "button": _("Revoke key now"),
        "said": _("The key is revoked. Nothing accepts it from now on."),
    }
    address = reverse("mcp:server-key-revoke", args=[server.public_id, key.public_id])
    return _reasoned(request, server, revoke, {**words, "fingerprint": key.fingerprint}, address)


def _reasoned(request: HttpRequest, server: McpServer, act: Any, words: dict[str, Any], address: str) -> HttpResponse:
    """Asks for the reason, then acts."""
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data["reason"])
        except (ConflictError, InvalidInputError) as error:
            form.add_error("reason", error.message)
        else:
            say(request, str(words["said"]))
            return _back(request, server)
    context = {"server": server, "form": form, "words": words, "action": address}
    status = 422 if form.errors else 200
    return render_page(request, "mcp/rotation_reason.html", context, fragments={"dialog": "dialog"}, status=status)


def _plan(request: HttpRequest, server: McpServer, form: RotationForm, examination: Examination | None) -> HttpResponse:
    context = {**_shown_plan(server, examination, form.data or form.initial), "form": form, "examination": examination}
    status = 422 if form.errors else 200
    return render_page(request, "mcp/server_rotate.html", context, fragments={"dialog": "dialog"}, status=status)


def _shown_plan(server: McpServer, examination: Examination | None, values: Any) -> dict[str, Any]:
    days = str(values.get("days", DEFAULT_DAYS))
    immediate = values.get("method") == KeyRotation.Method.IMMEDIATE
    known = days.isdecimal() and 0 < int(days) < 1000  # noqa: PLR2004 - enough to be a date
    return {
        "server": server,
        "identity": identity_of(server),
        "new_fingerprint": examination.info.fingerprint if examination and examination.info else "",
        "immediate": immediate,
        "days": days,
        "ends_at": clock.now() + timedelta(days=int(days)) if known and not immediate else None,
    }


def _started(request: HttpRequest, server: McpServer, rotation: KeyRotation) -> HttpResponse:
    """New key added: what is to be done next."""
    context = {"server": server, "rotation": rotation}
    return render_page(request, "mcp/rotation_started.html", context, fragments={"dialog": "dialog"})


def _found(actor: Actor, server_id: str, rotation_id: str) -> tuple[McpServer, KeyRotation]:
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    return server, rotation_by_id(server, path_id(IdKind.MCP_ROTATION, rotation_id))


def _back(request: HttpRequest, server: McpServer) -> HttpResponse:
    return redirect_to(request, f"{reverse('mcp:server-detail', args=[server.public_id])}?tab=identity")
