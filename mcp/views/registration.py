"""The registration wizard: one form in steps, the key judged while it is pasted."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent, AgentStatus
from agents.selectors import agents_visible_to
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.console.wizard import render_wizard, wanted_step
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from mcp.configuration import DEFAULTS, configuration_of, notices_of
from mcp.errors import invalid_server_key
from mcp.fragments import SERVER_KEY, SERVER_WIZARD
from mcp.models import AuthMethod, DriftResponse, McpServer, Protocol
from mcp.registration_form import CHOSEN, INTERVALS, VERIFY, ServerForm, form_values, url_with_port
from mcp.selectors import server_by_id
from mcp.services.registration import register_server, update_server
from mcp.views.credentials import shown_methods
from mcp.views.runs import FROM_LIST, to_run

_TEMPLATE = "mcp/server_register.html"
_MOST_AGENTS = 300


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_register(request: HttpRequest, actor: Actor) -> HttpResponse:
    if request.method != "POST":
        return _wizard(request, actor, ServerForm(), step="basic")
    form = ServerForm(request.POST)
    step = wanted_step(request.POST, form)
    if step is not None:
        return _wizard(request, actor, form, step=step)
    key = form.cleaned_data["public_key"].strip()
    try:
        server = register_server(
            actor,
            form.configuration(),
            public_key=key or None,
            key_type=form.cleaned_data["key_type"] or None,
            credential=form.credential(),
        )
    except (InvalidInputError, ConflictError) as error:
        form.take(error.problems)
        return _wizard(request, actor, form, step=form.first_failed())
    say(request, _("MCP Server registered successfully!"))
    run = server.runs.order_by("-id").first()
    if run is None:
        return redirect_to(request, f"{reverse('mcp:server-list')}?sort=-registered&new={server.public_id}")
    # The run that registration has begun is followed in the wizard's place.
    return to_run(request, actor, server, run, came_from=FROM_LIST)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_edit(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """The same wizard over what is configured; the key has a way of its own."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    if request.method != "POST":
        form = ServerForm(initial=form_values(configuration_of(server)))
        return _wizard(request, actor, form, step="basic", server=server)
    form = ServerForm(request.POST)
    step = wanted_step(request.POST, form)
    if step is not None:
        return _wizard(request, actor, form, step=step, server=server)
    try:
        update_server(actor, server.id, changes=form.configuration())
    except (InvalidInputError, ConflictError) as error:
        form.take(error.problems)
        if not error.problems:
            form.add_error(None, error.message)
        return _wizard(request, actor, form, step=form.first_failed(), server=server)
    say(request, _("Changes saved. They are in force for the next decision."))
    return redirect_to(request, "mcp:server-detail", server.public_id)


@require_POST
@console_page(Permission.MCP_WRITE)
def server_key(request: HttpRequest, actor: Actor) -> HttpResponse:  # noqa: ARG001 - the door has judged the actor
    """What is to be said of a key while it is pasted: its type, size and fingerprint, or why it is refused."""
    text = request.POST.get("public_key", "")[:20_000]
    context = {
        "key": judged(text, request.POST.get("key_type", "")),
        "verification_url": request.POST.get("verification_url", "").strip(),
    }
    return render_page(request, "mcp/server_key.html", context, fragments={SERVER_KEY: "result"})


class Judged:
    """A key as the form shows it: what it is, or why it is none."""

    def __init__(self, info: PublicKeyInfo | None, problems: tuple[str, ...]) -> None:
        self.info = info
        self.problems = problems

    @property
    def words(self) -> str:
        """The kind as the document's preview says it: `2048-bit RSA`."""
        if self.info is None:
            return ""
        name = {"rsa": "RSA", "ed25519": "Ed25519", "ecdsa-p256": "ECDSA P-256"}[self.info.key_type]
        return f"{self.info.bits}-bit {name}"


@lru_cache(maxsize=64)
def judged(text: str, declared: str = "") -> Judged | None:
    if not text.strip():
        return None
    try:
        return Judged(parse_public_key(text, declared_type=declared or None), ())
    except InvalidPublicKeyError as error:
        return Judged(None, tuple(problem.message for problem in invalid_server_key(error).problems))


def _wizard(
    request: HttpRequest, actor: Actor, form: ServerForm, *, step: str, server: McpServer | None = None
) -> HttpResponse:
    key = None if server else judged(form.value("public_key") or "", form.value("key_type") or "")
    identity = bool(server.keys.all()) if server else bool(key)
    context = {
        "server": server,
        "agents": _agents(actor, form),
        "chosen": form.value("allowed_agents") or [],
        "shown": _shown(form),
        "methods": [] if server else shown_methods(form),
        "verify_fields": [form[name] for name in VERIFY],
        "key": key,
        "verification_url": (form.value("verification_url") or "").strip(),
        "notices": notices_of(_so_far(form), has_key=identity),
        "action": request.path,
    }
    summaries = {item.name: _summary(item.name, form, key) for item in form.steps}
    return render_wizard(
        request, _TEMPLATE, form, step=step, summaries=summaries, context=context, fragment=SERVER_WIZARD
    )


def _so_far(form: ServerForm) -> dict[str, Any]:
    """What the form holds of a configuration, valid or not: enough for the notices."""
    values = {field: form.value(field) for field in DEFAULTS if field in form.fields}
    values["url"] = (form.value("url") or "").strip()
    return {**DEFAULTS, **{field: value for field, value in values.items() if value is not None}}


def _agents(actor: Actor, form: ServerForm) -> list[Agent]:
    """Those to choose from: verified ones by name, and whatever is chosen already."""
    verified = agents_visible_to(actor).filter(status=AgentStatus.VERIFIED).order_by("display_name")
    listed = list(verified.select_related(None).prefetch_related(None)[:_MOST_AGENTS])
    known = {agent.public_id for agent in listed}
    wanted = {text for text in form.value("allowed_agents") or [] if text not in known}
    if wanted:
        others = agents_visible_to(actor).select_related(None).prefetch_related(None)
        listed += [agent for agent in others if agent.public_id in wanted]
    return listed


def _shown(form: ServerForm) -> Mapping[str, Any]:
    """The words of what is chosen, for the review."""
    hours = str(form.value("reverify_hours"))
    every = next((words for value, words in INTERVALS if str(value) == hours), _("Every %(n)s hours") % {"n": hours})
    return {
        "url": url_with_port((form.value("url") or "").strip(), _number(form.value("port"))),
        "auth": dict(AuthMethod.choices).get(form.value("auth_method"), ""),
        "protocol": dict(Protocol.choices).get(form.value("protocol"), ""),
        "drift": dict(DriftResponse.choices).get(form.value("drift_response"), ""),
        "verify": [form.fields[name].label for name in VERIFY if form.value(name)],
        "every": every,
        "specific": form.value("agents_kind") == CHOSEN,
    }


def _number(value: Any) -> int | None:
    return int(value) if str(value or "").isdecimal() else None


def _summary(step: str, form: ServerForm, key: Judged | None) -> str:
    match step:
        case "basic":
            return form.value("name") or ""
        case "connection":
            try:
                return urlsplit(form.value("url") or "").hostname or ""
            except ValueError:
                return ""
        case "security":
            return str(dict(AuthMethod.choices).get(form.value("auth_method"), ""))
        case "identity":
            return key.info.label if key and key.info else _("Optional, recommended")
        case "verification":
            n = sum(bool(form.value(name)) for name in VERIFY)
            return ngettext("%(n)d check", "%(n)d checks", n) % {"n": n}
    return ""
