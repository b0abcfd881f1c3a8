"""The registry as people search it: every filter and order works on all rows, never on a page of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, DecimalField, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Lower
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.selectors import memberships_visible_to
from agents.activity import NOTHING, Activity, activity_of
from agents.catalogue import CATALOGUE
from agents.models import Agent, AgentStatus, AgentType, PublicKey
from agents.selectors import agents_visible_to
from aim import clock
from aim.console.lists import Facet, Order, Page, chosen_order, chosen_values, keyset_page, make_facet
from aim.ids import IdKind, InvalidIdError, parse_id, show_id

ORDERS: Mapping[str, str] = {
    "name": "name_order",
    "version": "version",
    "status": "status",
    "trust": "trust_order",
    "owner": "owner_order",
    "registered": "id",
}
STATUSES: Mapping[str, Promise] = {
    AgentStatus.VERIFIED: _("Verified"),
    AgentStatus.PENDING: _("Pending Verification"),
    AgentStatus.SUSPENDED: _("Suspended"),
    AgentStatus.REVOKED: _("Revoked"),
}
TRUSTS: Mapping[str, tuple[Promise, Q]] = {
    "enough": (_("At or above its minimum"), Q(runtime__trust_score__gte=F("min_trust"))),
    "low": (_("Below its minimum"), Q(runtime__trust_score__lt=F("min_trust"))),
    "none": (_("Not scored"), Q(runtime__trust_score=None)),
}
_ACTIVE_KEY = PublicKey.objects.filter(agent=OuterRef("pk"), status=PublicKey.Status.ACTIVE)
NO_KEY = "none"
NOBODY = "none"
_NEW = timedelta(days=30)
_OWNERS = 12


def registry_of(actor: Actor) -> QuerySet[Agent]:
    """All agents that the actor sees, with what the orders need."""
    return agents_visible_to(actor).annotate(
        name_order=Lower("display_name"),
        trust_order=Coalesce(
            "runtime__trust_score", Value(-1), output_field=DecimalField(max_digits=5, decimal_places=2)
        ),
        owner_order=Coalesce(Lower("owner__email"), Value("")),
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Values that do not exist are left out, so that an old bookmark still shows a list."""

    text: str
    statuses: list[str]
    types: list[str]
    capabilities: list[str]
    trusts: list[str]
    keys: list[str]
    owners: list[str]

    @property
    def any(self) -> bool:
        return any((self.text, self.statuses, self.types, self.capabilities, self.trusts, self.keys, self.owners))

    @classmethod
    def read(cls, parameters: QueryDict) -> "Filters":
        return cls(
            text=parameters.get("q", "").strip().replace("\x00", "")[:200],
            statuses=chosen_values(parameters, "status", list(STATUSES)),
            types=chosen_values(parameters, "type", AgentType.values),
            capabilities=chosen_values(parameters, "capability", list(CATALOGUE)),
            trusts=chosen_values(parameters, "trust", list(TRUSTS)),
            keys=chosen_values(parameters, "key", [*PublicKey.KeyType.values, NO_KEY]),
            owners=[value for value in dict.fromkeys(parameters.getlist("owner")) if value == NOBODY or _owner(value)],
        )

    def narrow(self, rows: QuerySet[Agent], *, leaving_out: str = "") -> QuerySet[Agent]:
        """The rows that pass every filter but the one left out; within one filter any of its values will do."""
        for name, condition in self._conditions().items():
            if name != leaving_out and condition is not None:
                rows = rows.filter(condition)
        return rows

    def _conditions(self) -> dict[str, Q | None]:
        text = self.text
        return {
            "q": _text_condition(text) if text else None,
            "status": Q(status__in=self.statuses) if self.statuses else None,
            "type": Q(agent_type__in=self.types) if self.types else None,
            "capability": _any(Q(capabilities__contains=[code]) for code in self.capabilities),
            "trust": _any(TRUSTS[name][1] for name in self.trusts),
            "key": _any(_key_condition(name) for name in self.keys),
            "owner": _any(Q(owner=None) if name == NOBODY else Q(owner_id=_owner(name)) for name in self.owners),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """An agent in the list, ready for the template."""

    agent: Agent
    trust: float | None
    key: PublicKey | None
    activity: Activity

    @property
    def id(self) -> str:
        return self.agent.public_id


@dataclass(frozen=True, slots=True)
class Listing:
    filters: Filters
    order: Order
    page: Page[Agent]
    rows: list[Row]


def listing_for(actor: Actor, parameters: QueryDict) -> Listing:
    """One page of the registry, as the address asks for it."""
    filters = Filters.read(parameters)
    order = chosen_order(parameters, ORDERS, default="name")
    total = filters.narrow(agents_visible_to(actor)).count()
    page = keyset_page(filters.narrow(registry_of(actor)), order, parameters, total=total)
    known = activity_of(actor, [agent.id for agent in page.rows])
    rows = [
        Row(
            agent=agent,
            trust=None if agent.runtime.trust_score is None else float(agent.runtime.trust_score),
            key=next((key for key in agent.public_keys.all() if key.status == PublicKey.Status.ACTIVE), None),
            activity=known.get(agent.id, NOTHING),
        )
        for agent in page.rows
    ]
    return Listing(filters, order, page, rows)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all agents that the actor sees, whatever is filtered."""

    registered: int
    new: int
    verified: int
    pending: int
    pending_since: datetime | None
    suspended: int
    below_minimum: int
    without_key: int


def figures_for(actor: Actor) -> Figures:
    verified = Q(status=AgentStatus.VERIFIED)
    living = ~Q(status=AgentStatus.REVOKED)
    found = agents_visible_to(actor).aggregate(
        registered=Count("id"),
        new=Count("id", filter=Q(created_at__gte=clock.now() - _NEW)),
        verified=Count("id", filter=verified),
        pending=Count("id", filter=Q(status=AgentStatus.PENDING)),
        pending_since=Min("created_at", filter=Q(status=AgentStatus.PENDING)),
        suspended=Count("id", filter=Q(status=AgentStatus.SUSPENDED)),
        below_minimum=Count("id", filter=verified & TRUSTS["low"][1]),
    )
    without_key = agents_visible_to(actor).filter(living & ~Exists(_ACTIVE_KEY)).count()
    return Figures(**found, without_key=without_key)


def facets_for(actor: Actor, filters: Filters) -> list[Facet]:
    """Each with the counts that choosing one of its values would lead to."""
    mine = agents_visible_to(actor)

    def counts(name: str, field: Any) -> dict[str, int]:
        rows = filters.narrow(mine, leaving_out=name).annotate(value=field).order_by().values("value")
        return {str(row["value"]): row["n"] for row in rows.annotate(n=Count("id")).values("value", "n")}

    statuses, types = counts("status", F("status")), counts("type", F("agent_type"))
    keys = counts("key", Coalesce(Subquery(_ACTIVE_KEY.values("key_type")[:1]), Value(NO_KEY)))
    trusts = filters.narrow(mine, leaving_out="trust").aggregate(
        **{name: Count("id", filter=condition) for name, (_label, condition) in TRUSTS.items()}
    )
    return [
        make_facet("status", _("Status"), [(v, w, statuses.get(v, 0)) for v, w in STATUSES.items()], filters.statuses),
        make_facet(
            "capability", _("Capability"), [(c.code, c.label, None) for c in CATALOGUE.values()], filters.capabilities
        ),
        make_facet("trust", _("Trust"), [(v, w, trusts[v]) for v, (w, _condition) in TRUSTS.items()], filters.trusts),
        make_facet(
            "key",
            _("Key"),
            [
                *((v, w, keys.get(v, 0)) for v, w in PublicKey.KeyType.choices),
                (NO_KEY, _("No key"), keys.get(NO_KEY, 0)),
            ],
            filters.keys,
        ),
        make_facet("owner", _("Owner"), _owners(actor, filters), filters.owners),
        make_facet("type", _("Type"), [(v, w, types.get(v, 0)) for v, w in AgentType.choices], filters.types),
    ]


def _owners(actor: Actor, filters: Filters) -> list[tuple[str, Promise | str, int | None]]:
    """Those who own the most, those who are chosen, and nobody."""
    rows = filters.narrow(agents_visible_to(actor), leaving_out="owner").order_by().values("owner_id")
    counted: dict[UUID | None, int] = {
        row["owner_id"]: row["n"] for row in rows.annotate(n=Count("id")).values("owner_id", "n")
    }
    chosen = [_owner(value) for value in filters.owners if value != NOBODY]
    most = sorted((key for key in counted if key), key=lambda key: -counted[key])[:_OWNERS]
    people = memberships_visible_to(actor).filter(user_id__in=[*most, *chosen])
    names = {row.user_id: row.user.name or row.user.email for row in people}
    options: list[tuple[str, Promise | str, int | None]] = [
        (show_id(IdKind.USER, key), names[key], counted.get(key, 0))
        for key in dict.fromkeys([*most, *chosen])
        if key in names
    ]
    return [*options, (NOBODY, _("No owner"), counted.get(None, 0))]


def _any(conditions: Any) -> Q | None:
    found: Q | None = None
    for condition in conditions:
        found = condition if found is None else found | condition
    return found


def _text_condition(text: str) -> Q:
    """In names, owner and description; and the capabilities whose label or code has the text."""
    fields = ("name", "display_name", "description", "owner__email", "owner__name")
    condition = _any(Q(**{f"{field}__icontains": text}) for field in fields) or Q()
    folded = text.casefold()
    for capability in CATALOGUE.values():
        if folded in capability.label.casefold() or folded in capability.code:
            condition |= Q(capabilities__contains=[capability.code])
    return condition


def _key_condition(name: str) -> Q:
    if name == NO_KEY:
        return ~Q(Exists(_ACTIVE_KEY))
    return Q(Exists(_ACTIVE_KEY.filter(key_type=name)))


def _owner(text: str) -> UUID | None:
    try:
        return parse_id(IdKind.USER, text)
    except InvalidIdError:
        return None
