"""The values of the registry's rows, for the markup in `agents/agent_table.html`."""

from collections.abc import Collection, Iterator, Mapping

from django.utils.translation import gettext as _

from agents.models import AgentStatus, AgentType, PublicKey
from agents.registry import Listing
from aim.console.addresses import address_of
from aim.console.numbers import figure
from aim.console.parts import drawn_sparkline, kept_part, named_object, trust
from aim.templatetags.console import ago, middle, moment, percent


def cells_of(
    listing: Listing, columns: Collection[str], *, new: str, may_verify: bool
) -> Iterator[Mapping[str, object]]:
    """`new` is the id of the row that stands out. What no column shows is not made."""
    select, verify, course = _("Select %(name)s"), _("Verify %(name)s"), _("Calls of each hour")
    types = {value: str(label) for value, label in AgentType.choices}
    keys = {value: str(label) for value, label in PublicKey.KeyType.choices}
    for row in listing.rows:
        agent, key, activity, shown = row.agent, row.key, row.activity, row.id
        name = {"name": agent.display_name}
        measured = activity.calls is not None
        yield {
            "id": shown,
            "new": shown == new,
            "select": select % name,
            "agent": named_object(agent.display_name, address_of("agents:agent-detail", shown), agent.name),
            "slug": middle(agent.name, 28),
            "type": types.get(agent.agent_type, agent.agent_type),
            "version": middle(agent.version, 14),
            "status": kept_part("status", {"status": agent.status, "method": agent.verification_method}),
            "may_verify": may_verify and agent.status == AgentStatus.PENDING,
            "verify": address_of("agents:agent-verify", shown),
            "verify_words": verify % name,
            "trust": trust(row.trust, agent.min_trust, agent.auto_suspend_below) if "trust" in columns else "",
            "key": key is not None,
            "no_key": key is None,
            "key_type": keys.get(key.key_type, key.key_type) if key else "",
            "key_age": ago(key.created_at) if key else "",
            "measured": measured,
            "not_measured": not measured,
            "course": drawn_sparkline(activity.course or (), course) if measured and "calls" in columns else "",
            "calls": figure(activity.calls),
            "denied": percent(activity.denied, activity.calls),
            "capabilities": len(agent.capabilities),
            "capability_codes": ", ".join(agent.capabilities),
            "owner": agent.owner and (agent.owner.name or agent.owner.email),
            "no_owner": agent.owner is None,
            "registered": moment(agent.created_at, "date") if "registered" in columns else "",
            "last_call": moment(activity.last_call, "ago"),
        }
