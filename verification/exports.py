"""Decisions as a file."""

from django.db.models import QuerySet
from django.http import QueryDict

from accounts.contracts import Actor
from aim.console.exports import Field, Lines, moment, shown_id, text
from aim.ids import IdKind
from verification.listing import Filters, every_row
from verification.models import Verification

FIELDS = (
    Field("id", shown_id(IdKind.VERIFICATION, "rows.id")),
    Field("time", moment("rows.created_at")),
    Field("status", "rows.status"),
    Field("code", "code"),
    Field("reason", text("reason")),
    Field("agent_id", shown_id(IdKind.AGENT, "agent_id")),
    Field("agent", text("agent.display_name")),
    Field("action_type", text("action_type")),
    Field("resource", text("resource")),
    Field("user_id", text("user_id")),
    Field("session_id", text("session_id")),
    Field("duration_ms", "duration_us / 1000e0"),
)


def lines_for(actor: Actor, parameters: QueryDict) -> Lines:
    """Every decision that the address asks for, in its order, also beyond the bound at which a list stops counting."""
    sign = "" if parameters.get("sort") == "time" else "-"
    rows: QuerySet[Verification, dict[str, object]] = (
        every_row(actor, Filters.read(parameters))
        .order_by(f"{sign}id")
        .values(
            *("id", "created_at", "status", "code", "reason", "agent_id", "action_type", "resource"),
            *("user_id", "session_id", "duration_us"),
        )
    )
    # An agent is another app's, and no relation of the model: decisions pay for no foreign key. Looked up for each row,
    # with what was found kept, instead of joined as a table: the rows come in order, and a million need no sorting.
    beside = (
        "LEFT JOIN LATERAL (SELECT display_name FROM agents_agent WHERE agents_agent.id = rows.agent_id LIMIT 1)"
        " AS agent ON true"
    )
    return Lines(FIELDS, rows, beside, f"rows.id {'DESC' if sign else 'ASC'}")
