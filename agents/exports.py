"""The registry as a file."""

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import QueryDict

from accounts.contracts import Actor
from agents.models import Agent, PublicKey
from agents.registry import ORDERS, Filters, registry_of
from aim.console.exports import Field, Lines, moment, shown_id, text
from aim.console.lists import chosen_order
from aim.ids import IdKind

FIELDS = (
    Field("id", shown_id(IdKind.AGENT, "id")),
    Field("name", text("name")),
    Field("display_name", text("display_name")),
    Field("type", "agent_type"),
    Field("version", text("version")),
    Field("status", "status"),
    Field("verified_by", "verification_method"),
    Field("trust_score", "score"),
    Field("min_trust", "min_trust"),
    Field("key_type", "key_type"),
    Field("capabilities", text("(SELECT string_agg(c, ' ') FROM jsonb_array_elements_text(capabilities) AS c)")),
    Field("owner", text("owner_email")),
    Field("registered_at", moment("created_at")),
    Field("description", text("description")),
)


def lines_for(actor: Actor, parameters: QueryDict) -> Lines:
    """Every agent that the address asks for, in its order."""
    order = chosen_order(parameters, ORDERS, default="name")
    sign = "-" if order.descending else ""
    key = PublicKey.objects.filter(agent=OuterRef("pk"), status=PublicKey.Status.ACTIVE).values("key_type")[:1]
    found = Filters.read(actor, parameters).narrow(registry_of(actor))
    rows: QuerySet[Agent, dict[str, object]] = (
        found.annotate(owner_email=F("owner__email"), score=F("runtime__trust_score"), key_type=Subquery(key))
        .order_by(f"{sign}{order.field}", f"{sign}id")
        .values(
            *("id", "name", "display_name", "agent_type", "version", "status", "verification_method", "min_trust"),
            *("capabilities", "created_at", "description", "owner_email", "score", "key_type"),
        )
    )
    return Lines(FIELDS, rows)
