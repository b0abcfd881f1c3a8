"""The events of agents that are worth a mail."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, register_alert
from accounts.models import Role
from aim.ledger.events import Event


def _says(verb: str) -> Any:
    def sentence(entry: Mapping[str, Any]) -> str:
        reason = entry["data"].get("reason")
        return f"Agent {entry['subject'].get('label')} was {verb}" + (f": {reason}" if reason else "")

    return sentence


register_alert(
    AlertKind(
        "agent_suspended",
        _("An agent was suspended"),
        frozenset({Event.AGENT_SUSPENDED}),
        _says("suspended"),
        (Role.ADMIN, Role.MANAGER),
    )
)
register_alert(
    AlertKind(
        "agent_revoked",
        _("An agent was revoked"),
        frozenset({Event.AGENT_REVOKED}),
        _says("revoked"),
        (Role.ADMIN, Role.MANAGER),
    )
)
register_alert(
    AlertKind(
        "agent_registered", _("An agent was registered"), frozenset({Event.AGENT_REGISTERED}), _says("registered"), ()
    )
)
