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
    Field("agent_id", "agent.shown"),
    Field("agent", "agent.display_name"),
    Field("action_type", text("action_type")),
    Field("resource", text("resource")),
    Field("user_id", text("user_id")),
    Field("session_id", text("session_id")),
    Field("duration_ms", "duration_us / 1000e0"),
)

# An agent is another app's, and no relation of the model: decisions pay for no foreign key. Looked up for each row,
# with what was made of it kept, instead of joined as a table: the rows come in order, and a million need no sorting.
_NAME = f"SELECT {text('display_name')} FROM agents_agent WHERE agents_agent.id = rows.agent_id"  # noqa: S608
_AGENT = (
    f"CROSS JOIN LATERAL (SELECT {shown_id(IdKind.AGENT, 'rows.agent_id')} AS shown, ({_NAME}) AS display_name LIMIT 1)"
    " AS agent"
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
    return Lines(FIELDS, rows, _AGENT, f"rows.id {'DESC' if sign else 'ASC'}")
