"""The events of agents that people are told of."""

from collections.abc import Callable
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertGroup, AlertKind, Body, register_alert
from accounts.models import Role
from accounts.permissions import Permission
from agents.models import Agent
from aim.ids import IdKind, show_id
from aim.ledger.events import Event

_KEEPERS = (Role.ADMIN, Role.MANAGER)


def agent_page(entry: Body) -> str:
    return reverse("agents:agent-detail", args=[show_id(IdKind.AGENT, UUID(entry["subject"]["id"]))])


def _says(verb: str) -> Callable[[Body], str]:
    def sentence(entry: Body) -> str:
        reason = entry["data"].get("reason")
        return f"Agent {entry['subject'].get('label')} was {verb}" + (f": {reason}" if reason else "")

    return sentence


def _owner(entry: Body) -> tuple[UUID, ...]:
    owner = Agent.objects.filter(id=UUID(entry["subject"]["id"])).values_list("owner_id", flat=True).first()
    return () if owner is None else (owner,)


register_alert(
    AlertKind(
        "agent_suspended",
        _("An agent was suspended"),
        frozenset({Event.AGENT_SUSPENDED}),
        _says("suspended"),
        _KEEPERS,
        notified=_KEEPERS,
        people=_owner,
        group=AlertGroup.AGENTS,
        permission=Permission.AGENTS_READ,
        icon="circle-minus",
        tone="denied",
        url=agent_page,
    )
)
register_alert(
    AlertKind(
        "agent_revoked",
        _("An agent was revoked"),
        frozenset({Event.AGENT_REVOKED}),
        _says("revoked"),
        _KEEPERS,
        notified=_KEEPERS,
        people=_owner,
        group=AlertGroup.AGENTS,
        permission=Permission.AGENTS_READ,
        icon="ban",
        tone="denied",
        url=agent_page,
    )
)
register_alert(
    AlertKind(
        "agent_registered",
        _("An agent was registered"),
        frozenset({Event.AGENT_REGISTERED}),
        _says("registered"),
        (),
        group=AlertGroup.AGENTS,
        permission=Permission.AGENTS_READ,
        icon="bot",
        url=agent_page,
    )
)
register_alert(
    AlertKind(
        "trust_tampered",
        _("An agent's trust was manipulated"),
        frozenset({Event.TRUST_TAMPERED}),
        lambda entry: (
            f"Trust score manipulation detected: the score of {entry['subject'].get('label')} is frozen,"
            f" for {entry['data'].get('problem')}"
        ),
        _KEEPERS,
        notified=_KEEPERS,
        group=AlertGroup.SECURITY,
        permission=Permission.AGENTS_READ,
        icon="shield-x",
        tone="critical",
        url=lambda entry: f"{agent_page(entry)}?tab=trust",
    )
)
