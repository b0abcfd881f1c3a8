"""The registration wizard: one form in steps, the key judged while it is pasted, the API key shown once."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.catalogue import CATALOGUE, RULE_GROUPS
from agents.configuration import configuration_of
from agents.errors import AgentNameTakenError, IdempotencyKeyReusedError
from agents.fragments import KEY_RESULT, WIZARD
from agents.models import Agent
from agents.registration_form import RegistrationForm, form_values, risky
from agents.requests.models import AgentRequest
from agents.requests.selectors import agent_request_by_id
from agents.selectors import agent_by_id, agents_with_key
from agents.services.configuration import update_agent
from agents.services.registration import register_agent
from agents.services.requests import first_values, fulfil_agent_request
from aim.api.path_ids import path_id
from aim.console.fragments import DIALOG
from aim.console.pages import redirect_to, render_page, retarget
from aim.console.toasts import say
from aim.console.wizard import render_wizard, wanted_step
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import ConflictError, InvalidInputError, Problem
from aim.ids import IdKind

_TEMPLATE = "agents/agent_register.html"


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_WRITE, secret=True)
def agent_register(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?request=arq_…` begins with what a member has asked for, and closes the request with the registration."""
    asked = _asked(request, actor)
    if request.method != "POST":
        values = _first_values() | (first_values(asked) if asked else {})
        return _wizard(request, actor, RegistrationForm(initial=values), step="basic")
    form = RegistrationForm(request.POST)
    step = wanted_step(request.POST, form)
    if step is not None:
        return _wizard(request, actor, form, step=step)
    key = form.cleaned_data["public_key"].strip()
    try:
        with transaction.atomic():
            made = register_agent(
                actor,
                form.configuration(),
                public_key=key or None,
                kept="kept" in request.POST,
                idempotency_key=form.cleaned_data["idempotency_key"],
            )
            if asked is not None and not made.repeated:
                fulfil_agent_request(actor, asked.id, made.agent.id)
    except ConflictError as error:
        form.take(error.problems or (Problem("name", error.code, error.message),))
        return _wizard(request, actor, form, step=form.first_failed())
    except IdempotencyKeyReusedError:
        # The form was sent before as it was then, and has been changed since.
        form = RegistrationForm(_with_new_key(request.POST))
        form.add_error(None, _("This form has registered an agent already. Submit it again to register another one."))
        return _wizard(request, actor, form, step=form.first_failed())
    except InvalidInputError as error:
        form.take(error.problems)
        return _wizard(request, actor, form, step=form.first_failed())
    context = {
        "agent": made.agent,
        "api_key": made.api_key,
        "repeated": made.repeated,
        "may_make_key": actor.may(Permission.AGENTS_KEYS),
        "origin": settings.ORIGIN,
        "done": f"{reverse('agents:agent-list')}?new={made.agent.public_id}",
    }
    parts = {WIZARD: "dialog", "dialog": "dialog"}
    response = render_page(request, "agents/agent_registered.html", context, fragments=parts)
    return retarget(response, DIALOG)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_WRITE)
def agent_edit(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """The same wizard over what is configured; the key has a way of its own."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    if request.method != "POST":
        values = form_values(configuration_of(agent))
        return _wizard(request, actor, RegistrationForm(initial=values), step="basic", agent=agent)
    form = RegistrationForm(request.POST)
    step = wanted_step(request.POST, form)
    if step is not None:
        return _wizard(request, actor, form, step=step, agent=agent)
    try:
        update_agent(actor, agent.id, changes=form.configuration())
    except InvalidInputError as error:
        form.take(error.problems)
        return _wizard(request, actor, form, step=form.first_failed(), agent=agent)
    except AgentNameTakenError as error:
        form.take(error.problems)
        return _wizard(request, actor, form, step="basic", agent=agent)
    say(request, _("Changes saved. They are in force for the next decision."))
    return redirect_to(request, "agents:agent-detail", agent.public_id)


@require_POST
@console_page(Permission.AGENTS_WRITE)
def agent_key_result(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What is to be said of a key while it is pasted: its type and fingerprint, or why it is refused."""
    text = request.POST.get("public_key", "")[:20_000]
    context = {"key": _judged(actor, text)}
    return render_page(request, "agents/agent_register_key.html", context, fragments={KEY_RESULT: "result"})


def _asked(request: HttpRequest, actor: Actor) -> AgentRequest | None:
    text = request.GET.get("request", "")
    return agent_request_by_id(actor, path_id(IdKind.AGENT_REQUEST, text)) if text else None


def _first_values() -> dict[str, Any]:
    return {
        "idempotency_key": str(uuid4()),
        "approval_groups": ["file_deletion", "external_api_calls"],
        "deny_groups": ["system_file_access", "root_commands"],
    }


def _with_new_key(data: QueryDict) -> QueryDict:
    data = data.copy()
    data["idempotency_key"] = str(uuid4())
    return data


def _wizard(
    request: HttpRequest, actor: Actor, form: RegistrationForm, *, step: str, agent: Agent | None = None
) -> HttpResponse:
    context = {
        "agent": agent,
        "capabilities": CATALOGUE.values(),
        "chosen": _chosen(form),
        "groups": RULE_GROUPS.values(),
        "risky": risky(form.value("capabilities") or []),
        "key": None if agent else _judged(actor, form.value("public_key") or ""),
        "action": request.get_full_path(),
    }
    summaries = {item.name: _summary(item.name, form) for item in form.steps}
    return render_wizard(request, _TEMPLATE, form, step=step, summaries=summaries, context=context, fragment=WIZARD)


def _chosen(form: RegistrationForm) -> Mapping[str, Any]:
    """The labels of what is chosen, for the review."""
    groups = RULE_GROUPS
    return {
        "resources": _lines(form.value("resource_scope")),
        "capabilities": [CATALOGUE[code] for code in form.value("capabilities") or [] if code in CATALOGUE],
        "approval": [groups[code].label for code in form.value("approval_groups") or [] if code in groups],
        "deny": [groups[code].label for code in form.value("deny_groups") or [] if code in groups],
    }


def _lines(value: Any) -> list[str]:
    """What stands in a text area, or in the stored list that will."""
    return [line for line in (value.splitlines() if isinstance(value, str) else value or []) if line.strip()]


def _summary(step: str, form: RegistrationForm) -> str:
    match step:
        case "basic":
            return str(form.value("name") or "")
        case "capabilities":
            count = len(form.value("capabilities") or [])
            return _("%(n)d capabilities") % {"n": count} if count != 1 else _("1 capability")
        case "security":
            return _("Key and trust") if form.value("require_signature") else _("Without a key")
        case "advanced":
            return _("Limits, networks")
    warnings = len(risky(form.value("capabilities") or []))
    return _("1 warning so far") if warnings == 1 else _("%(n)d warnings so far") % {"n": warnings} if warnings else ""


class _Judged:
    """A key as the form shows it: what it is, or why it is none."""

    def __init__(self, info: PublicKeyInfo | None, problems: tuple[str, ...], used_by: list[Agent]) -> None:
        self.info = info
        self.problems = problems
        self.used_by = used_by


def _judged(actor: Actor, text: str) -> _Judged | None:
    if not text.strip():
        return None
    try:
        info = parse_public_key(text)
    except InvalidPublicKeyError as error:
        return _Judged(None, tuple(error.problems), [])
    return _Judged(info, (), agents_with_key(actor, info.thumbprint))
