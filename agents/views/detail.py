"""One agent: what it is, what it may do, how it proves itself, and everything that was changed of it."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.activity import NOTHING, activity_of
from agents.catalogue import CATALOGUE
from agents.changes import changes_of
from agents.configuration import configuration_of, warnings_of
from agents.forms import ReasonForm
from agents.fragments import AGENT_STATE, AGENT_TAB, PROOF
from agents.models import Agent, AgentStatus, Challenge, PublicKey
from agents.selectors import agent_by_id, challenge_of, history_of
from agents.services.access_scope import access_scope_names
from agents.services.api_keys import create_api_key, revoke_api_key
from agents.services.attestation import attest_agent
from agents.services.challenges import issue_challenge
from agents.services.lifecycle import TRANSITIONS, Transition, resume_agent, revoke_agent, suspend_agent
from agents.services.public_keys import confirm_public_key, propose_public_key
from agents.services.remote_proof import proof_state, set_verification_url, start_remote_proof
from agents.tabs import AgentTab, register_tab, tabs_for
from aim import clock
from aim.api.path_ids import path_id
from aim.console.lists import Order, keyset_page
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import Step, say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from aim.ledger.events import Event

HISTORY_SHOWN = 50
SCOPE_SHOWN = 6
CONFIGURATION = (Event.AGENT_REGISTERED.value, Event.AGENT_UPDATED.value)


@require_safe
@console_page(Permission.AGENTS_READ)
def agent_detail(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    tabs = tabs_for(actor)
    asked = request.GET.get("tab", "")
    current = next((tab for tab in tabs if tab.name == asked), tabs[0])
    address = reverse("agents:agent-detail", args=[agent.public_id])
    context = {
        "agent": agent,
        "tabs": [{"label": tab.label, "url": f"{address}?tab={tab.name}", "current": tab is current} for tab in tabs],
        "tab_template": current.template,
        "trust": None if agent.runtime.trust_score is None else float(agent.runtime.trust_score),
        "asks_proof": "verify" in request.GET and agent.status == AgentStatus.PENDING,
        **_allowed(actor, agent),
        **current.context(request, actor, agent),
    }
    return render_page(request, "agents/agent_detail.html", context, fragments={AGENT_STATE: "state", AGENT_TAB: "tab"})


def _allowed(actor: Actor, agent: Agent) -> dict[str, bool]:
    """Which acts this person may do on this agent as it is: nothing is offered that would be refused."""
    lifecycle = actor.may(Permission.AGENTS_LIFECYCLE)
    revoked = agent.status == AgentStatus.REVOKED
    return {
        "may_edit": actor.may(Permission.AGENTS_WRITE) and not revoked,
        "may_suspend": lifecycle and agent.status in TRANSITIONS[Transition.SUSPEND],
        "may_resume": lifecycle and agent.status in TRANSITIONS[Transition.RESUME],
        "may_revoke": lifecycle and agent.status in TRANSITIONS[Transition.REVOKE],
        "may_verify": actor.may(Permission.PROVE_KEY) and agent.status == AgentStatus.PENDING,
        "may_attest": actor.may(Permission.AGENTS_ATTEST)
        and agent.status == AgentStatus.PENDING
        and not agent.public_keys.all(),
        "may_change_keys": actor.may(Permission.AGENTS_KEYS) and not revoked,
        "may_delete": actor.may(Permission.AGENTS_DELETE),
    }


# The changes of state, each with its words. The same dialog asks for the reason.
_ACTS: Mapping[str, dict[str, Any]] = {
    "suspend": {
        "service": suspend_agent,
        "permission": Permission.AGENTS_LIFECYCLE,
        "title": gettext_lazy("Suspend Agent"),
        "text": gettext_lazy("From the moment this is confirmed, no action is approved until the agent is resumed."),
        "button": gettext_lazy("Suspend now"),
        "busy": gettext_lazy("Suspending…"),
        "said": gettext_lazy("%(name)s is suspended."),
        "danger": True,
        "again": gettext_lazy("Continue suspending agent %(name)s?"),
    },
    "resume": {
        "service": resume_agent,
        "permission": Permission.AGENTS_LIFECYCLE,
        "title": gettext_lazy("Resume agent"),
        "text": gettext_lazy("It is verified or pending again, as it was before it was suspended."),
        "button": gettext_lazy("Resume"),
        "busy": gettext_lazy("Resuming…"),
        "said": gettext_lazy("%(name)s is in use again."),
        "danger": False,
        "again": gettext_lazy("Continue resuming agent %(name)s?"),
    },
    "revoke": {
        "service": revoke_agent,
        "permission": Permission.AGENTS_LIFECYCLE,
        "title": gettext_lazy("Revoke agent"),
        "text": gettext_lazy(
            "For ever: every action is denied from now on, and nobody can take it back. The agent and its records stay."
        ),
        "button": gettext_lazy("Revoke for ever"),
        "busy": gettext_lazy("Revoking…"),
        "said": gettext_lazy("%(name)s is revoked."),
        "danger": True,
        "again": gettext_lazy("Continue revoking agent %(name)s?"),
    },
    "attest": {
        "service": attest_agent,
        "permission": Permission.AGENTS_ATTEST,
        "title": gettext_lazy("Attest agent"),
        "text": gettext_lazy(
            "You vouch for an agent that holds no key. It is marked “Verified by attestation” wherever it is shown."
        ),
        "button": gettext_lazy("Attest"),
        "busy": gettext_lazy("Attesting…"),
        "said": gettext_lazy("%(name)s is verified by attestation."),
        "danger": False,
        "again": gettext_lazy("Continue attesting agent %(name)s?"),
    },
}


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_READ, verbs={verb: act["permission"] for verb, act in _ACTS.items()})
def agent_act(request: HttpRequest, actor: Actor, agent_id: str, verb: str) -> HttpResponse:
    """Suspend, resume, revoke or attest: first asks for the reason, then does it by the service that the API calls."""
    act = _ACTS[verb]
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            act["service"](actor, agent.id, reason=form.cleaned_data["reason"])
        except (ConflictError, InvalidInputError) as error:
            form.add_error("reason", error.message)
        else:
            say(request, act["said"] % {"name": agent.display_name}, step=_undo(agent, verb))
            return redirect_to(request, "agents:agent-detail", agent.public_id)
    status = 422 if form.errors else 200
    again = act["again"] % {"name": agent.display_name}
    context = {"agent": agent, "verb": verb, "act": act, "form": form, "again": again}
    return render_page(request, "agents/agent_act.html", context, fragments={"dialog": "dialog"}, status=status)


def _undo(agent: Agent, verb: str) -> Step | None:
    if verb != "suspend":
        return None
    return Step(_("Resume…"), reverse("agents:agent-act", args=[agent.public_id, "resume"]))


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.PROVE_KEY)
def agent_verify(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """The proof of the key, followed live: AIM asks for it at the agent's verification URL, or a person signs by hand.

    It is for the key that waits to be proved; without one, the active key is proved again, at the URL alone.
    """
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    challenge, refusal = None, ""
    if request.method == "POST":
        try:
            challenge = _begin_proof(request, actor, agent)
        except (ConflictError, InvalidInputError) as error:
            refusal = " ".join(problem.message for problem in error.problems) or error.message
    elif "challenge" in request.GET:
        challenge = challenge_of(agent, path_id(IdKind.CHALLENGE, request.GET["challenge"]))
    else:
        challenge = agent.challenges.filter(used_at=None, expires_at__gt=clock.now()).order_by("-id").first()
    keys = {key.status: key for key in agent.public_keys.all()}
    waiting, active = keys.get(PublicKey.Status.UNPROVED), keys.get(PublicKey.Status.ACTIVE)
    key = challenge.public_key if challenge else waiting or active
    state = _state_of_proof(challenge) if challenge else ""
    may_set_url = actor.may(Permission.AGENTS_KEYS)
    url = request.POST.get("verification_url", "").strip() or agent.verification_url
    context = {
        "agent": agent,
        "challenge": challenge,
        "state": state,
        "first": challenge is not None and agent.verified_at is not None and agent.verified_at >= challenge.created_at,
        "open": state in {"waiting", "running"},
        "refusal": refusal,
        "key": key,
        "waiting": waiting,
        "by_hand": challenge is not None and not challenge.steps,
        "url": url if may_set_url else agent.verification_url,
        "may_set_url": may_set_url,
        "asks_url": key is not None and may_set_url and state not in {"waiting", "running", "succeeded"},
        "origin": settings.ORIGIN,
    }
    return render_page(request, "agents/agent_verify.html", context, fragments={"dialog": "dialog", PROOF: "proof"})


def _state_of_proof(challenge: Challenge) -> str:
    """That of the challenge, but what the dialog follows is the key: the agent may answer a challenge of its own."""
    proved_at = challenge.public_key.proved_at
    return "succeeded" if proved_at is not None and proved_at >= challenge.created_at else proof_state(challenge)


def _begin_proof(request: HttpRequest, actor: Actor, agent: Agent) -> Challenge:
    if "ask" not in request.POST:
        return issue_challenge(actor, agent.id)
    url = request.POST.get("verification_url", agent.verification_url).strip()
    if url != agent.verification_url:
        set_verification_url(actor, agent.id, url=url)
    return start_remote_proof(actor, agent.id)


@require_POST
@console_page(Permission.AGENTS_KEYS, secret=True)
def agent_api_key(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """Another API key, shown once; or, with `revoke`, the end of one."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    if "revoke" in request.POST:
        revoke_api_key(actor, agent.id, key_id=path_id(IdKind.API_KEY, request.POST["revoke"]))
        say(request, _("The API key is revoked: it is refused everywhere from now on."))
        return redirect_to(request, f"{reverse('agents:agent-detail', args=[agent.public_id])}?tab=keys")
    _key, secret = create_api_key(actor, agent.id, expires_at=None)
    context = {"agent": agent, "api_key": secret.text}
    return render_page(request, "agents/agent_api_key.html", context, fragments={"dialog": "dialog"})


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_KEYS)
def agent_rotate(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """Propose another public key, or as a second admin agree to one that is proved."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    text, problems = request.POST.get("public_key", ""), []
    if request.method == "POST":
        try:
            if "confirm" in request.POST:
                confirm_public_key(actor, agent.id, key_id=path_id(IdKind.PUBLIC_KEY, request.POST["confirm"]))
                say(request, _("The new key is in force."))
                return redirect_to(request, f"{reverse('agents:agent-detail', args=[agent.public_id])}?tab=keys")
            propose_public_key(actor, agent.id, public_key=text)
        except (InvalidInputError, ConflictError) as error:
            problems = [problem.message for problem in error.problems] or [error.message]
        else:
            say(request, _("The new key waits to be proved: let the agent sign a challenge."))
            return redirect_to(request, f"{reverse('agents:agent-detail', args=[agent.public_id])}?tab=keys&verify=1")
    context = {"agent": agent, "text": text, "problems": problems}
    status = 422 if problems else 200
    return render_page(request, "agents/agent_rotate.html", context, fragments={"dialog": "dialog"}, status=status)


def _overview(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    return {
        "warnings": warnings_of(configuration_of(agent)),
        "activity": activity_of(actor, [agent.id]).get(agent.id, NOTHING),
        "granted": [CATALOGUE[code] for code in agent.capabilities if code in CATALOGUE],
        "patterns": agent.resource_scope[:SCOPE_SHOWN],
        "more_patterns": max(0, len(agent.resource_scope) - SCOPE_SHOWN),
    }


def _rights(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    granted = [CATALOGUE[code] for code in agent.capabilities if code in CATALOGUE]
    return {"granted": granted, "acts_for": access_scope_names(actor, agent)}


_PROVES_AGAIN = (AgentStatus.VERIFIED, AgentStatus.SUSPENDED)


def _keys(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    keys = sorted(agent.public_keys.all(), key=lambda key: key.created_at, reverse=True)
    return {
        "public_keys": keys,
        "agent_api_keys": sorted(agent.api_keys.all(), key=lambda key: key.created_at, reverse=True),
        "may_prove_again": actor.may(Permission.AGENTS_KEYS) and agent.status in _PROVES_AGAIN,
        "waiting_key": next((key for key in keys if key.status == PublicKey.Status.UNPROVED), None),
        "confirmable": {key.id for key in keys if key.status == "proved" and key.proposed_by_id != actor.id},
    }


def _history(request: HttpRequest, _actor: Actor, agent: Agent) -> Mapping[str, Any]:
    # The steps of its trust have a tab of their own, and would bury the rest.
    entries = history_of(agent).exclude(kind=Event.TRUST_CHANGED.value)
    configuration = request.GET.get("show") == "configuration"
    if configuration:
        entries = entries.filter(kind__in=CONFIGURATION)
    order = Order("id", "id", descending=True)
    page = keyset_page(entries, order, request.GET, total=0, size=HISTORY_SHOWN)
    return {"page": page, "changes": changes_of(page.rows), "configuration": configuration}


register_tab(AgentTab("overview", gettext_lazy("Overview"), 10, "agents/tab_overview.html", _overview))
register_tab(AgentTab("rights", gettext_lazy("Capabilities & scope"), 40, "agents/tab_rights.html", _rights))
register_tab(AgentTab("keys", gettext_lazy("Keys"), 60, "agents/tab_keys.html", _keys))
register_tab(AgentTab("history", gettext_lazy("History"), 70, "agents/tab_history.html", _history))
