"""The events of agents that are worth a mail."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, each, register_alert, subject
from accounts.contracts import ActorKind
from accounts.models import Role
from accounts.permissions import Permission
from aim.ids import IdKind, show_id
from aim.ledger.events import Event

_ALL = (Role.ADMIN, Role.MANAGER)


Sentence = Callable[[Mapping[str, Any]], str]


def _says(words: str) -> Sentence:
    """`words` is a sentence with the place `%(name)s`, marked for translation."""

    def sentence(entry: Mapping[str, Any]) -> str:
        said, reason = gettext(words) % {"name": entry["subject"].get("label")}, entry["data"].get("reason")
        return gettext("%(sentence)s: %(reason)s") % {"sentence": said, "reason": reason} if reason else said

    return sentence


def _by_itself(entry: Mapping[str, Any]) -> bool:
    """Whether AIM did it, and no person."""
    return bool(entry["actor"].get("kind") == ActorKind.SYSTEM.value)


def _page(entry: Mapping[str, Any]) -> str:
    return f"/dashboard/agents/{show_id(IdKind.AGENT, UUID(hex=entry['subject']['id']))}"


def _tampered(entry: Mapping[str, Any]) -> str:
    words = gettext("Trust score of agent %(name)s was manipulated: %(problem)s")
    return words % {"name": entry["subject"].get("label"), "problem": entry["data"].get("problem")}


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
    _says(gettext_noop("Agent %(name)s was suspended")),
    matches=lambda entry: not _by_itself(entry),
    icon="circle-minus",
    tone="denied",
)
_register(
    "agent_suspended_automatically",
    _("AIM suspended an agent by itself"),
    Event.AGENT_SUSPENDED,
    _says(gettext_noop("Agent %(name)s was suspended automatically")),
    matches=_by_itself,
    icon="circle-minus",
    tone="denied",
)
_register(
    "agent_revoked",
    _("An agent was revoked"),
    Event.AGENT_REVOKED,
    _says(gettext_noop("Agent %(name)s was revoked")),
    icon="ban",
    tone="denied",
)
_register(
    "agent_registered",
    _("An agent was registered"),
    Event.AGENT_REGISTERED,
    _says(gettext_noop("Agent %(name)s was registered")),
    (),
    icon="bot",
)
_register(
    "trust_tampered",
    _("The signed chain of an agent's trust is broken"),
    Event.TRUST_TAMPERED,
    _tampered,
    icon="shield-x",
    tone="critical",
)


def _request_page(entry: Mapping[str, Any]) -> str:
    return f"/dashboard/agents/requests/{show_id(IdKind.AGENT_REQUEST, UUID(hex=entry['subject']['id']))}"


def _asker(entry: Mapping[str, Any]) -> Collection[UUID]:
    asker = entry["data"].get("requested_by")
    return (UUID(hex=asker),) if asker else ()


def _doer(entry: Mapping[str, Any]) -> Collection[UUID]:
    return (UUID(hex=entry["actor"]["id"]),) if entry["actor"].get("id") else ()


def _answer(entry: Mapping[str, Any]) -> str:
    if entry["kind"] == Event.AGENT_REQUEST_DECLINED:
        reason = entry["data"].get("note") or gettext("erased")
        return gettext("Your request for an agent was declined: %(reason)s") % {"reason": reason}
    return gettext("The agent you asked for is registered: %(name)s") % {"name": entry["data"]["agent"].get("label")}


register_alert(
    AlertKind(
        "agent_requested",
        _("Somebody asks for an agent"),
        frozenset({Event.AGENT_REQUESTED}),
        lambda entry: (
            gettext("%(person)s asks for an agent: %(name)s")
            % {"person": entry["actor"].get("label"), "name": entry["data"].get("display_name") or gettext("erased")}
        ),
        _ALL,
        permission=Permission.AGENTS_WRITE,
        path=_request_page,
        icon="hand-helping",
        tone="pending",
        settled_by=frozenset(
            {Event.AGENT_REQUEST_FULFILLED, Event.AGENT_REQUEST_DECLINED, Event.AGENT_REQUEST_WITHDRAWN}
        ),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "agent_request_answered",
        _("Your request for an agent was answered"),
        frozenset({Event.AGENT_REQUEST_FULFILLED, Event.AGENT_REQUEST_DECLINED}),
        _answer,
        permission=Permission.AGENTS_REQUEST,
        path=_request_page,
        people=each(_asker),
        icon="hand-helping",
    )
)
register_alert(
    AlertKind(
        "kept_registration_done",
        _("A registration that was kept while AIM was away is done"),
        frozenset({Event.AGENT_REGISTERED}),
        lambda entry: gettext("Your kept registration is done: %(name)s") % {"name": entry["subject"].get("label")},
        permission=Permission.AGENTS_READ,
        matches=lambda entry: entry["data"].get("kept") is True,
        path=_page,
        people=each(_doer),
        tells_actor=True,
        icon="bot",
        tone="allowed",
    )
)
