"""Which of the organization's policies can apply to one agent, as its page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.catalogue import actions_of
from agents.models import Agent
from agents.tabs import AgentTab, register_tab
from aim.errors import InvalidInputError
from aim.ids import IdKind, show_id
from verification.policies.book import book_row, read_row
from verification.policies.compiled import SHADOW, CompiledPolicy, compile_policy, facts_from
from verification.policies.document import read_document
from verification.policies.sentences import sentences_of
from verification.snapshot import LOAD_BY_AGENT, agent_facts

_ORDER = {"deny": 0, "require_approval": 1, "allow": 2}


@dataclass(frozen=True, slots=True)
class Applying:
    """A version of a policy that can apply to the agent. `broken` says why it denies what it could match."""

    policy_id: str
    name: str
    number: int
    effect: str
    shadow: bool
    sentences: list[str]
    broken: str
    actions: list[str]
    """Those of the agent's actions that it is about; empty where it is about all."""
    url: str


def policies_for(actor: Actor, agent: Agent) -> list[Applying]:
    """The live and shadow policies of the actor's organization that concern the agent and an action that it has.

    Decided by what decisions themselves go by; which of them matches a request depends on the request.
    """
    row = read_row(LOAD_BY_AGENT, agent.id)
    if row is None or agent.organization_id != actor.scope:
        return []
    about, book = agent_facts(row), book_row(actor.scope)
    facts, own = facts_from(book), actions_of(set(agent.capabilities))
    found = []
    for entry in book["policies"]:
        policy_id = show_id(IdKind.POLICY, UUID(entry["policy"]))
        ids = (policy_id, show_id(IdKind.POLICY_VERSION, UUID(entry["id"])), entry["number"])
        policy = compile_policy(entry["document"], facts, ids=ids, shadow=entry["state"] == SHADOW)
        if policy.concerns(about) and (policy.actions is None or not policy.actions.isdisjoint(own)):
            found.append(_applying(policy, policy_id, entry, own))
    return sorted(found, key=lambda one: (one.shadow, _ORDER.get(one.effect, len(_ORDER)), one.name))


def _applying(policy: CompiledPolicy, policy_id: str, entry: Mapping[str, Any], own: frozenset[str]) -> Applying:
    try:
        document = read_document(entry["document"])
        name, sentences = document.name, sentences_of(document)
    except InvalidInputError:
        name, sentences = policy.label, []
    return Applying(
        policy_id=policy_id,
        name=name,
        number=entry["number"],
        effect=policy.effect,
        shadow=policy.shadow,
        sentences=sentences,
        broken=policy.broken,
        actions=[] if policy.actions is None else sorted(policy.actions & own),
        url=_page(policy_id),
    )


def _page(policy_id: str) -> str:
    try:
        return reverse("verification:policy-detail", args=[policy_id])
    except NoReverseMatch:
        return ""


def _policies(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    return {"policies": policies_for(actor, agent)}


register_tab(
    AgentTab("policies", _("Policies"), 45, "verification/tab_policies.html", _policies, Permission.POLICIES_READ)
)
