"""The events of agents that are worth a mail."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, register_alert
from accounts.contracts import ActorKind
from accounts.models import Role
from accounts.permissions import Permission
from aim.ids import IdKind, show_id
from aim.ledger.events import Event

_ALL = (Role.ADMIN, Role.MANAGER)


Sentence = Callable[[Mapping[str, Any]], str]


def _says(verb: str) -> Sentence:
    def sentence(entry: Mapping[str, Any]) -> str:
        reason = entry["data"].get("reason")
        return f"Agent {entry['subject'].get('label')} was {verb}" + (f": {reason}" if reason else "")

    return sentence


def _by_itself(entry: Mapping[str, Any]) -> bool:
    """Whether AIM did it, and no person."""
    return bool(entry["actor"].get("kind") == ActorKind.SYSTEM.value)


def _page(entry: Mapping[str, Any]) -> str:
    return f"/dashboard/agents/{show_id(IdKind.AGENT, UUID(hex=entry['subject']['id']))}"


def _tampered(entry: Mapping[str, Any]) -> str:
    return f"Trust score of agent {entry['subject'].get('label')} was manipulated: {entry['data'].get('problem')}"


def _register(
    code: str, label: Promise, event: Event, sentence: Sentence, roles: tuple[Role, ...] = _ALL, **more: Any
) -> None:
    kind = AlertKind(
        code, label, frozenset({event}), sentence, roles, permission=Permission.AGENTS_READ, path=_page, **more
    )
    register_alert(kind)


_register(
    "agent_suspended",
    _("An agent was suspended by a person"),
    Event.AGENT_SUSPENDED,
    _says("suspended"),
    matches=lambda entry: not _by_itself(entry),
    icon="circle-minus",
    tone="denied",
)
_register(
    "agent_suspended_automatically",
    _("AIM suspended an agent by itself"),
    Event.AGENT_SUSPENDED,
    _says("suspended automatically"),
    matches=_by_itself,
    icon="circle-minus",
    tone="denied",
)
_register("agent_revoked", _("An agent was revoked"), Event.AGENT_REVOKED, _says("revoked"), icon="ban", tone="denied")
_register("agent_registered", _("An agent was registered"), Event.AGENT_REGISTERED, _says("registered"), (), icon="bot")
_register(
    "trust_tampered",
    _("The signed chain of an agent's trust is broken"),
    Event.TRUST_TAMPERED,
    _tampered,
    icon="shield-x",
    tone="critical",
)
