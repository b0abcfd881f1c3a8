"""The policies as the console lists and words them."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.changes import Change, changes_of
from agents.selectors import agents_visible_to
from aim.console.lists import Facet, Order, chosen_order, chosen_values, make_facet
from aim.ids import IdKind, parse_id, show_id
from aim.ledger.events import Event
from verification.models import Policy, PolicyVersion
from verification.policies.document import document_value
from verification.policies.sentences import sentences_of
from verification.policies.yaml_files import write_yaml
from verification.policy_selectors import (
    document_of,
    history_of_policy,
    is_understood,
    latest_version,
    policies_visible_to,
    state_of,
    version_in_state,
)

State = PolicyVersion.State
HISTORY_SHOWN = 100
STATES: Mapping[str, Promise] = {
    State.ACTIVE: _("Active"),
    State.SHADOW: _("Shadow"),
    State.DRAFT: _("Draft"),
    State.RETIRED: _("Retired"),
}
EFFECT_WORDS: Mapping[str, Promise] = {
    "deny": _("Deny"),
    "require_approval": _("Require approval"),
    "allow": _("Allow"),
}
ORDERS: Mapping[str, str] = {"name": "name", "state": "state", "changed": "changed"}
_STATE_ORDER = {state: at for at, state in enumerate(STATES)}
WORDS: Mapping[str, Promise] = {
    Event.POLICY_CREATED: _("Written"),
    Event.POLICY_VERSION_CREATED: _("New version"),
    Event.POLICY_SHADOWED: _("Tried as a shadow"),
    Event.POLICY_CHANGE_PROPOSED: _("Change proposed"),
    Event.POLICY_CHANGE_DECLINED: _("Change declined"),
    Event.POLICY_ACTIVATED: _("Activated"),
    Event.POLICY_RETIRED: _("Retired"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A policy in the list: `effect` and `sentence` are of the version in force, or of the newest."""

    policy: Policy
    state: str
    effect: str
    sentence: str
    newest: PolicyVersion
    active: PolicyVersion | None
    shadow: PolicyVersion | None

    @property
    def id(self) -> str:
        return self.policy.public_id

    @property
    def state_words(self) -> Promise:
        return STATES[self.state]

    @property
    def effect_words(self) -> Promise:
        return EFFECT_WORDS[self.effect]


@dataclass(frozen=True, slots=True)
class Listing:
    rows: list[Row]
    total: int
    order: Order
    facets: list[Facet]
    text: str

    @property
    def any(self) -> bool:
        return bool(self.text) or any(facet.chosen for facet in self.facets)


def listing_for(actor: Actor, parameters: QueryDict) -> Listing:
    """All policies that the address asks for. An organization has at most 500, so that they make one page."""
    text = parameters.get("q", "").strip().replace("\x00", "")[:200].casefold()
    states = chosen_values(parameters, "state", list(STATES))
    effects = chosen_values(parameters, "effect", list(EFFECT_WORDS))
    everything = [row_of(policy) for policy in policies_visible_to(actor)]
    found = [row for row in everything if not text or text in f"{row.policy.name} {row.sentence}".casefold()]
    rows = [row for row in found if (not states or row.state in states) and (not effects or row.effect in effects)]
    order = chosen_order(parameters, ORDERS, default="name")
    rows.sort(key=lambda row: _sort_key(row, order.name), reverse=order.descending)
    of_state = [row.state for row in found if not effects or row.effect in effects]
    of_effect = [row.effect for row in found if not states or row.state in states]
    facets = [
        make_facet(
            "state", _("State"), [(name, words, of_state.count(name)) for name, words in STATES.items()], states
        ),
        make_facet(
            "effect",
            _("Effect"),
            [(name, words, of_effect.count(name)) for name, words in EFFECT_WORDS.items()],
            effects,
        ),
    ]
    return Listing(rows, len(everything), order, facets, parameters.get("q", "").strip()[:200])


def row_of(policy: Policy) -> Row:
    newest, active = latest_version(policy), version_in_state(policy, State.ACTIVE)
    shown = active or newest
    effect = shown.document.get("effect")
    return Row(
        policy,
        state_of(policy),
        effect if effect in EFFECT_WORDS else "deny",
        " ".join(sentences_of_version(shown)),
        newest,
        active,
        version_in_state(policy, State.SHADOW),
    )


def sentences_of_version(version: PolicyVersion) -> list[str]:
    """None of a version that is no longer understood: it denies what it could match."""
    return sentences_of(document_of(version)) if is_understood(version.document) else []


def _sort_key(row: Row, name: str) -> Any:
    if name == "state":
        return (_STATE_ORDER[row.state], row.policy.name.casefold())
    return row.newest.created_at if name == "changed" else row.policy.name.casefold()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What this person may do with this policy as it is."""

    edit: bool
    activate: bool
    shadow: bool
    retire: bool
    delete: bool
    confirm: bool
    decline: bool


def allowed(actor: Actor, policy: Policy, version: PolicyVersion) -> Allowed:
    """`version` is the one that is looked at."""
    write, activate = actor.may(Permission.POLICIES_WRITE), actor.may(Permission.POLICIES_ACTIVATE)
    live = [one for one in policy.versions.all() if one.state in {State.ACTIVE, State.SHADOW}]
    waits = bool(policy.proposed_change)
    return Allowed(
        edit=write,
        activate=activate and not waits and version.state != State.ACTIVE,
        shadow=activate and version.state == State.DRAFT,
        retire=activate and not waits and bool(live),
        delete=write and all(one.state == State.DRAFT for one in policy.versions.all()),
        confirm=activate and waits and policy.proposed_by_id is not None and policy.proposed_by_id != actor.id,
        decline=activate and waits,
    )


def shown_version(policy: Policy, asked: str) -> PolicyVersion:
    """The version that the address asks for; without one that in force, else the newest."""
    known = {str(version.number): version for version in policy.versions.all()}
    return known.get(asked) or version_in_state(policy, State.ACTIVE) or latest_version(policy)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of two texts beside each other: `kind` is same, gone, new, or left for lines that are left out."""

    kind: str
    text: str


def in_form(version: PolicyVersion) -> dict[str, Any]:
    """A version's document with its fields in the order in which people write them."""
    document: dict[str, Any] = version.document
    return document_value(document_of(version)) if is_understood(document) else document


def line_diff(before: PolicyVersion | None, after: PolicyVersion) -> list[Line]:
    """What differs between two versions, as YAML with three lines around each change."""
    texts = ["" if version is None else write_yaml(in_form(version)) for version in (before, after)]
    old, new = (text.splitlines() for text in texts)
    lines = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    kinds = {"+": "new", "-": "gone", "@": "left"}
    return [Line(kinds.get(line[:1], "same"), "…" if line.startswith("@") else line[1:]) for line in lines]


def agent_names(actor: Actor, shown: Iterable[str]) -> dict[str, str]:
    """What agents are called, by their shown ids; those that are gone are left out."""
    ids = {parse_id(IdKind.AGENT, text) for text in shown}
    named = agents_visible_to(actor).filter(id__in=ids).values_list("id", "display_name")
    return {show_id(IdKind.AGENT, agent_id): name for agent_id, name in named}


def history_in_words(policy: Policy) -> list[Change]:
    return changes_of(history_of_policy(policy)[:HISTORY_SHOWN], words=WORDS)


def with_authors(policy: Policy) -> list[PolicyVersion]:
    """All versions, the newest first."""
    return sorted(policy.versions.all(), key=lambda version: -version.number)
