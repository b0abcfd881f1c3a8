"""The registry as people search it: every filter and order works on all rows, never on a page of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import DecimalField, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.models import User
from accounts.selectors import memberships_visible_to
from agents.activity import NOTHING, Activity, activity_of
from agents.catalogue import CATALOGUE
from agents.models import Agent, AgentSearch, AgentStanding, AgentStatus, AgentType, PublicKey
from agents.selectors import agents_visible_to
from aim import lookups as _lookups  # noqa: F401 - registers `any_of`
from aim.console.lists import PAGE, Order, Page, chosen_order, chosen_values, keyset_page, page_start
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
_SHOWN = (
    *("name", "display_name", "agent_type", "version", "status", "verification_method", "capabilities", "created_at"),
    *("min_trust", "auto_suspend_below", "owner__name", "owner__email", "runtime__trust_score"),
)
"""What rows show and orders need: decoding the rest of an agent takes longer than reading it."""
_FEW = 6000
"""So many rows are sorted in less time than it may take to come upon a page of them along an order, at whose end they
may all be."""


def registry_of(actor: Actor) -> QuerySet[Agent]:
    """All agents that the actor sees, with what the orders need."""
    # The organization is named for the runtime rows as well: that is what the index by trust begins with.
    return (
        agents_visible_to(actor)
        .filter(runtime__organization_id=actor.scope)
        .annotate(
            name_order=Lower("display_name"),
            trust_order=Coalesce(
                "runtime__trust_score", Value(-1), output_field=DecimalField(max_digits=5, decimal_places=2)
            ),
            owner_order=Coalesce(Lower("owner__email"), Value("")),
        )
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Values that do not exist are left out, so that an old bookmark still shows a list."""

    text: str
    people: list[UUID]
    """The owners that the text finds."""
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
    def read(cls, actor: Actor, parameters: QueryDict) -> "Filters":
        text = parameters.get("q", "").strip().replace("\x00", "")[:200]
        return cls(
            text=text,
            people=_people_called(actor, text) if text else [],
            statuses=chosen_values(parameters, "status", list(STATUSES)),
            types=chosen_values(parameters, "type", AgentType.values),
            capabilities=chosen_values(parameters, "capability", list(CATALOGUE)),
            trusts=chosen_values(parameters, "trust", list(TRUSTS)),
            keys=chosen_values(parameters, "key", [*PublicKey.KeyType.values, NO_KEY]),
            owners=[
                value for value in dict.fromkeys(parameters.getlist("owner")) if value == NOBODY or owner_of(value)
            ],
        )

    @property
    def in_kind(self) -> Q:
        """The text as it names a kind of agents: an owner, or capabilities; empty if it names none."""
        if not self.text:
            return Q()
        folded = self.text.lower()
        called = [code for code, known in CATALOGUE.items() if folded in known.label.lower() or folded in code]
        owned = Q(owner_id__in=self.people) if self.people else Q()
        return owned | _capable_of(called)

    @property
    def capable(self) -> Q:
        """The chosen capabilities: any of them."""
        return _capable_of(self.capabilities)

    @property
    def searching(self) -> bool:
        """Whether it asks for more than the few values that every count has."""
        return bool(self.text or self.capabilities)

    def narrow(self, rows: QuerySet[Agent]) -> QuerySet[Agent]:
        """The rows that pass every filter, for walks along an order; within one filter any of its values will do."""
        conditions = (
            _any(TRUSTS[name][1] for name in self.trusts),
            _any(_key_condition(name) for name in self.keys),
        )
        rows = rows.filter(self._in("search_text") & self.capable & self._by_columns)
        for condition in conditions:
            if condition is not None:
                rows = rows.filter(condition)
        return rows

    def found(self, actor: Actor) -> QuerySet[AgentSearch]:
        """The same rows, as they are searched: the quicker the fewer there are."""
        condition = self._in("text") & self.capable & self._by_columns
        if self.trusts:
            condition &= Q(trust__in=self.trusts)
        if self.keys:
            condition &= Q(key_type__in=["" if name == NO_KEY else name for name in self.keys])
        return AgentSearch.objects.filter(condition, organization_id=actor.scope)

    def _in(self, column: str) -> Q:
        return Q(**{f"{column}__contains": self.text.lower()}) | self.in_kind if self.text else Q()

    @property
    def _by_columns(self) -> Q:
        condition = Q()
        if self.statuses:
            condition &= Q(status__in=self.statuses)
        if self.types:
            condition &= Q(agent_type__in=self.types)
        if self.owners:
            owned = Q(owner_id__in=[owner_of(name) for name in self.owners if name != NOBODY])
            condition &= owned | Q(owner_id=None) if NOBODY in self.owners else owned
        return condition


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


def listing_for(
    actor: Actor, parameters: QueryDict, filters: Filters, *, total: int, owners: Mapping[str, int]
) -> Listing:
    """One page of the registry, as the address asks for it. `total` and how many each owner has are counted already."""
    order = chosen_order(parameters, ORDERS, default="name")
    # Relations by their ids, below: Django makes a query set for each row of what it fetches beside.
    agents = registry_of(actor).prefetch_related(None)
    if not total:
        # They were looked for when they were counted.
        agents = agents.none()
    elif filters.any and total <= _FEW:
        # Sorted at once; along an order they would be far apart.
        agents = agents.filter(id__any_of=list(filters.found(actor).values_list("agent_id", flat=True)))
    else:
        agents = filters.narrow(agents)
        if order.name == "trust" and len(filters.trusts) == 1:
            agents = agents.filter(_scores_of(actor, filters.trusts[0]))
        if order.name == "owner" and (window := _owners_of_page(order, parameters, owners)) is not None:
            agents = agents.filter(window)
    page = keyset_page(agents.only(*_SHOWN), order, parameters, total=total)
    ids = [agent.id for agent in page.rows]
    known = activity_of(actor, ids)
    active = PublicKey.objects.filter(agent__in=ids, status=PublicKey.Status.ACTIVE)
    keys = {key.agent_id: key for key in active.only("agent_id", "key_type", "created_at")}
    rows = [
        Row(
            agent=agent,
            trust=None if agent.runtime.trust_score is None else float(agent.runtime.trust_score),
            key=keys.get(agent.id),
            activity=known.get(agent.id, NOTHING),
        )
        for agent in page.rows
    ]
    return Listing(filters, order, page, rows)


def _scores_of(actor: Actor, trust: str) -> Q:
    """The scores that an agent of this trust can have at all, for the order to begin and to end there."""
    if trust == "none":
        return Q(trust_order=-1)
    minimums = AgentStanding.objects.filter(organization_id=actor.scope)
    known = minimums.aggregate(least=Min("min_trust"), most=Max("min_trust"))
    if known["most"] is None:
        return Q()
    return (
        Q(trust_order__gte=0, trust_order__lt=known["most"]) if trust == "low" else Q(trust_order__gte=known["least"])
    )


def _owners_of_page(order: Order, parameters: QueryDict, owners: Mapping[str, int]) -> Q | None:
    """The few owners whose agents fill the page, so that it is not all agents that are sorted by a table beside theirs.

    None where the page begins at an owner who has nothing any more: then all are looked at.
    """
    ids = [user for owner in owners if owner != NOBODY and (user := owner_of(owner)) is not None]
    people = User.objects.filter(id__in=ids).annotate(folded=Lower("email")).order_by("folded")
    sequence: list[tuple[str, UUID | None]] = [(folded, user) for user, folded in people.values_list("id", "folded")]
    if NOBODY in owners:
        sequence.insert(0, ("", None))
    start = page_start(order, parameters)
    descending = order.descending if start is None else start[1]
    if descending:
        sequence.reverse()
    if start is not None:
        at = next((index for index, (folded, _user) in enumerate(sequence) if folded == start[0]), None)
        if at is None:
            return None
        sequence = sequence[at:]
    chosen: list[UUID | None] = []
    found = 0
    for index, (_folded, user) in enumerate(sequence):
        chosen.append(user)
        # Some of the first owner's may lie before the page; one more owner, for whoever left since they were counted.
        if found > PAGE:
            break
        found += owners[NOBODY if user is None else show_id(IdKind.USER, user)] if index or start is None else 0
    window = Q(owner_id__in=[user for user in chosen if user is not None])
    return window | Q(owner=None) if None in chosen else window


def _any(conditions: Any) -> Q | None:
    found: Q | None = None
    for condition in conditions:
        found = condition if found is None else found | condition
    return found


def _people_called(actor: Actor, text: str) -> list[UUID]:
    called = Q(user__email__icontains=text) | Q(user__name__icontains=text)
    return list(memberships_visible_to(actor).filter(called).values_list("user_id", flat=True))


def _capable_of(codes: Iterable[str]) -> Q:
    return _any(Q(capabilities__contains=[code]) for code in codes) or Q()


def _key_condition(name: str) -> Q:
    if name == NO_KEY:
        return ~Q(Exists(_ACTIVE_KEY))
    return Q(Exists(_ACTIVE_KEY.filter(key_type=name)))


def owner_of(text: str) -> UUID | None:
    """The person behind a shown id; None for any other text."""
    try:
        return parse_id(IdKind.USER, text)
    except InvalidIdError:
        return None
