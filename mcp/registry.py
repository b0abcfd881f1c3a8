"""The servers as people search them, and how many there are of each kind: every filter works on all rows.

One query a page counts every combination of what servers are counted by; the figures, the total and the counts of all
filters come from the same rows, so that they never contradict each other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import BoolOr
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import LessThanOrEqual
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from aim import clock
from aim.console.addresses import address_of
from aim.console.lists import Facet, Order, Page, chosen_order, chosen_values, keyset_page, make_facet
from mcp.figures import Keeping, keeping_of
from mcp.identity import Identity, KeyState, identity_from
from mcp.models import Health, McpServer, ServerKey, ServerStatus, VerificationStatus
from mcp.selectors import servers_visible_to

ORDERS: Mapping[str, str] = {
    "name": "name_order",
    "url": "url",
    "status": "status",
    "verification": "verification",
    "verified": "verified_order",
    "registered": "id",
}
STATUSES: Mapping[str, Promise] = {
    ServerStatus.ACTIVE: _("Active"),
    ServerStatus.SUSPENDED: _("Suspended"),
    ServerStatus.RETIRED: _("Retired"),
}
VERIFICATIONS: Mapping[str, Promise] = {
    VerificationStatus.VERIFIED: _("Verified"),
    VerificationStatus.UNVERIFIED: _("Unverified"),
    VerificationStatus.FAILED: _("Failed"),
}
HEALTHS: Mapping[str, Promise] = {
    Health.HEALTHY: _("Healthy"),
    Health.UNHEALTHY: _("Unhealthy"),
    Health.UNKNOWN: _("Not checked yet"),
}
KEYS: Mapping[str, Promise] = {
    KeyState.CONFIGURED: _("Configured"),
    KeyState.MISSING: _("Missing"),
    KeyState.ROTATING: _("Rotating"),
}
DUES: Mapping[str, Promise] = {"due": _("Key Rotation Due"), "fine": _("Up to date")}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_DUE = "due"
"""A key in charge that is as old as the policy allows, and no other on its way."""
_OF_STANDING: Mapping[str, tuple[str, str]] = {
    KeyState.MISSING.value: (KeyState.MISSING.value, "fine"),
    KeyState.ROTATING.value: (KeyState.ROTATING.value, "fine"),
    KeyState.CONFIGURED.value: (KeyState.CONFIGURED.value, "fine"),
    _DUE: (KeyState.CONFIGURED.value, "due"),
}
"""What a server's keys amount to, as (public key, rotation) of the filters."""


def _standing() -> Coalesce:
    """One of `_OF_STANDING`, by one look at the keys of each server."""
    active = Q(status=ServerKey.Status.ACTIVE)
    allowed = ExpressionWrapper(
        OuterRef("rotation_days") * Value(timedelta(days=1), output_field=DurationField()),
        output_field=DurationField(),
    )
    ends = ExpressionWrapper(F("created_at") + allowed, output_field=DateTimeField())
    states = Case(
        When(rotating=True, then=Value(KeyState.ROTATING.value)),
        When(old=True, then=Value(_DUE)),
        default=Value(KeyState.CONFIGURED.value),
    )
    keys = (
        ServerKey.objects.filter(server=OuterRef("pk"))
        .exclude(status=ServerKey.Status.RETIRED)
        .order_by()
        .values("server")
        .annotate(
            rotating=ExpressionWrapper(Q(BoolOr(active)) & Q(BoolOr(~active)), output_field=BooleanField()),
            old=BoolOr(LessThanOrEqual(ends, Value(clock.now()))),
        )
        .annotate(standing=states)
        .values("standing")
    )
    return Coalesce(Subquery(keys), Value(KeyState.MISSING.value))


def _standings(filters: "Filters") -> list[str]:
    """Those that pass the filters by key and by rotation."""
    return [
        standing
        for standing, (key, rotation) in _OF_STANDING.items()
        if (not filters.keys or key in filters.keys) and (not filters.dues or rotation in filters.dues)
    ]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Values that do not exist are left out, so that an old bookmark still shows a list."""

    text: str
    statuses: list[str]
    verifications: list[str]
    healths: list[str]
    keys: list[str]
    dues: list[str]

    @property
    def any(self) -> bool:
        return any((self.text, self.statuses, self.verifications, self.healths, self.keys, self.dues))

    @classmethod
    def read(cls, parameters: QueryDict) -> "Filters":
        return cls(
            text=parameters.get("q", "").strip().replace("\x00", "")[:200],
            statuses=chosen_values(parameters, "status", list(STATUSES)),
            verifications=chosen_values(parameters, "verification", list(VERIFICATIONS)),
            healths=chosen_values(parameters, "health", list(HEALTHS)),
            keys=chosen_values(parameters, "key", list(KEYS)),
            dues=chosen_values(parameters, "rotation", list(DUES)),
        )

    @property
    def searching(self) -> Q:
        if not self.text:
            return Q()
        fields = ("name", "display_name", "url", "description")
        found = Q()
        for field in fields:
            found |= Q(**{f"{field}__icontains": self.text})
        return found

    @property
    def wanted(self) -> dict[str, set[str]]:
        chosen = {
            "status": self.statuses,
            "verification": self.verifications,
            "health": self.healths,
            "key": self.keys,
            "rotation": self.dues,
        }
        return {name: set(values) for name, values in chosen.items() if values}

    def narrow(self, rows: QuerySet[McpServer]) -> QuerySet[McpServer]:
        """The rows that pass every filter; within one filter any of its values will do."""
        for name in ("status", "verification", "health"):
            if values := self.wanted.get(name):
                rows = rows.filter(**{f"{name}__in": values})
        if self.keys or self.dues:
            rows = rows.annotate(standing=_standing()).filter(standing__in=_standings(self))
        return rows.filter(self.searching)


class Kind(NamedTuple):
    """What servers are counted by, in the words of the filters."""

    status: str
    verification: str
    health: str
    key: str
    rotation: str


class Tally:
    """The servers that a search finds, by kind."""

    def __init__(self, counts: dict[Kind, int]) -> None:
        self._counts = counts

    def total(self, filters: Filters) -> int:
        return sum(n for kind, n in self._counts.items() if _passes(kind, filters.wanted))

    def by(self, name: str, filters: Filters) -> Counter[str]:
        """For each value of one filter, what all the others let through."""
        wanted = {other: values for other, values in filters.wanted.items() if other != name}
        found: Counter[str] = Counter()
        for kind, n in self._counts.items():
            if _passes(kind, wanted):
                found[getattr(kind, name)] += n
        return found

    def where(self, **values: Iterable[str]) -> int:
        return sum(n for kind, n in self._counts.items() if _passes(kind, {k: set(v) for k, v in values.items()}))


def _passes(kind: Kind, wanted: Mapping[str, set[str]]) -> bool:
    return all(getattr(kind, name) in values for name, values in wanted.items())


def tallies_of(actor: Actor, searching: Q) -> tuple[Tally, Tally]:
    """Of all servers that the actor sees, and of those that the search finds."""
    rows = (
        servers_visible_to(actor)
        .select_related(None)
        .prefetch_related(None)
        .annotate(standing=_standing())
        .order_by()
        .values_list("status", "verification", "health", "standing")
        .annotate(n=Count("id"), found=Count("id", filter=searching) if searching else Count("id"))
    )
    everything: dict[Kind, int] = {}
    found: dict[Kind, int] = {}
    for status, verification, health, standing, n, hits in rows:
        kind = Kind(status, verification, health, *_OF_STANDING[standing])
        everything[kind], found[kind] = n, hits
    return Tally(everything), Tally(found)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all servers that the actor sees, whatever is filtered."""

    total: int
    active: int
    suspended: int
    verified: int
    failed: int
    due: int
    last_verified_at: datetime | None
    keeping: Keeping


def figures_for(actor: Actor, tally: Tally) -> Figures:
    """`tally` is that of all servers."""
    mine = servers_visible_to(actor)
    last = mine.order_by().aggregate(last=Max("last_verified_at"))["last"]
    return Figures(
        total=tally.where(),
        active=tally.where(status=[ServerStatus.ACTIVE]),
        suspended=tally.where(status=[ServerStatus.SUSPENDED]),
        verified=tally.where(verification=[VerificationStatus.VERIFIED]),
        failed=tally.where(verification=[VerificationStatus.FAILED]),
        due=tally.where(rotation=["due"]),
        last_verified_at=last,
        keeping=keeping_of(mine),
    )


def facets_for(filters: Filters, tally: Tally) -> list[Facet]:
    """Each with the counts that choosing one of its values would lead to."""
    kinds: list[tuple[str, Promise, Mapping[str, Promise], list[str]]] = [
        ("status", _("Status"), STATUSES, filters.statuses),
        ("verification", _("Verification"), VERIFICATIONS, filters.verifications),
        ("health", _("Health"), HEALTHS, filters.healths),
        ("key", _("Public key"), KEYS, filters.keys),
        ("rotation", _("Rotation"), DUES, filters.dues),
    ]
    facets = []
    for name, label, words, chosen in kinds:
        counts = tally.by(name, filters)
        facets.append(make_facet(name, label, [(v, w, counts[v]) for v, w in words.items()], chosen))
    return facets


@dataclass(frozen=True, slots=True)
class Row:
    """A server in the list, ready for the template."""

    server: McpServer
    identity: Identity

    @property
    def id(self) -> str:
        return self.server.public_id

    @property
    def address(self) -> str:
        return address_of("mcp:server-detail", self.id)


@dataclass(frozen=True, slots=True)
class Listing:
    filters: Filters
    order: Order
    page: Page[McpServer]
    rows: list[Row]


def registry_of(actor: Actor) -> QuerySet[McpServer]:
    """All servers that the actor sees, with what the orders need."""
    return servers_visible_to(actor).annotate(
        name_order=Lower("display_name"), verified_order=Coalesce("last_verified_at", Value(_NEVER))
    )


def listing_for(actor: Actor, parameters: QueryDict, filters: Filters, *, total: int) -> Listing:
    """One page of the registry, as the address asks for it."""
    order = chosen_order(parameters, ORDERS, default="name")
    # The keys by their ids: Django makes a query set for each row of what it fetches beside.
    servers = filters.narrow(registry_of(actor)).prefetch_related(None)
    page = keyset_page(servers, order, parameters, total=total)
    keys: dict[UUID, list[ServerKey]] = {server.id: [] for server in page.rows}
    for key in ServerKey.objects.filter(server__in=list(keys)):
        keys[key.server_id].append(key)
    now = clock.now()
    rows = [Row(server, identity_from(keys[server.id], server.rotation_days, now)) for server in page.rows]
    return Listing(filters, order, page, rows)
