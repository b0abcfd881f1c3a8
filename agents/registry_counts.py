"""How many agents there are of each kind: one query a page counts every combination, and the rest is adding up.

The strip of figures, the total and the counts of all filters come from the same rows, so that they never contradict
each other: of all agents, of owners and of capabilities from the counts that the database keeps, of what else a text
finds from one narrow row each.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.selectors import memberships_visible_to
from agents.catalogue import CATALOGUE
from agents.models import Agent, AgentSearch, AgentStatus, AgentTally, AgentType, CapabilityTally, PublicKey
from agents.registry import NO_KEY, NOBODY, STATUSES, TRUSTS, Filters, owner_of
from aim import clock
from aim.console.lists import Facet, make_facet
from aim.ids import IdKind, show_id

_NEW = timedelta(days=30)
_OWNERS = 12
_KIND = ("status", "agent_type", "trust", "key_type", "owner_id")


class Kind(NamedTuple):
    """What agents are counted by, in the words of the filters."""

    status: str
    type: str
    trust: str
    key: str
    owner: str


_PLACES = {name: place for place, name in enumerate(("status", "type", "trust", "key", "owner"))}


class Tally:
    """The agents that a search finds, by kind."""

    def __init__(self, counts: Mapping[Kind, int]) -> None:
        self._counts = counts

    def total(self, filters: Filters) -> int:
        return sum(n for _kind, n in self._passing(_wanted(filters)))

    def by(self, name: str, filters: Filters) -> Counter[str]:
        """For each value of one filter, what all the others let through."""
        wanted = {other: values for other, values in _wanted(filters).items() if other != name}
        found: Counter[str] = Counter()
        place = _PLACES[name]
        for kind, n in self._passing(wanted):
            found[kind[place]] += n
        return found

    def owners(self, filters: Filters) -> Counter[str]:
        """How many each owner has of those that every filter lets through."""
        counted = self.by("owner", filters)
        wanted = set(filters.owners) or counted.keys()
        return Counter({owner: n for owner, n in counted.items() if n and owner in wanted})

    def where(self, **values: Iterable[str]) -> int:
        return sum(n for _kind, n in self._passing({name: set(wanted) for name, wanted in values.items()}))

    def _passing(self, wanted: Mapping[str, set[str]]) -> Iterable[tuple[Kind, int]]:
        """Of hundreds of kinds, and asked for a dozen times a page: each filter by its place."""
        found: Iterable[tuple[Kind, int]] = self._counts.items()
        for name, values in wanted.items():
            place = _PLACES[name]
            found = [(kind, n) for kind, n in found if kind[place] in values]
        return found


def tallies_of(actor: Actor, filters: Filters) -> tuple[Tally, Tally]:
    """Of all agents that the actor sees, and of those that the search finds."""
    kept = AgentTally.objects.filter(organization_id=actor.scope).order_by().values_list(*_KIND)
    everything = Tally(_counted(kept.annotate(n=Sum("count")).exclude(n=0)))
    if not filters.searching:
        return everything, everything
    found: Counter[Kind] = Counter()
    mine = Q(organization_id=actor.scope) & filters.capable
    if not filters.text or filters.in_kind:
        by_kind = CapabilityTally.objects.filter(mine & filters.in_kind).order_by().values_list(*_KIND)
        found.update(_counted(by_kind.annotate(n=Sum("count")).exclude(n=0)))
    if filters.text:
        # Whom the text names by kind are counted already, and are often many.
        others = ~filters.in_kind if filters.in_kind else Q()
        rows = AgentSearch.objects.filter(mine & others, text__contains=filters.text.lower())
        found.update(_counted(rows.order_by().values_list(*_KIND).annotate(n=Count("*"))))
    return everything, Tally(found)


def _counted(kinds: Iterable[tuple[str, str, str, str, UUID | None, int]]) -> dict[Kind, int]:
    return {
        Kind(status, type_, trust, key or NO_KEY, show_id(IdKind.USER, owner) if owner else NOBODY): n
        for status, type_, trust, key, owner, n in kinds
    }


def _wanted(filters: Filters) -> dict[str, set[str]]:
    chosen = {
        "status": filters.statuses,
        "type": filters.types,
        "trust": filters.trusts,
        "key": filters.keys,
        "owner": filters.owners,
    }
    return {name: set(values) for name, values in chosen.items() if values}


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


def figures_for(actor: Actor, tally: Tally) -> Figures:
    """`tally` is that of all agents."""
    mine = Agent.objects.filter(organization_id=actor.scope).order_by()
    waiting = mine.filter(status=AgentStatus.PENDING).order_by("id").values_list("created_at", flat=True)
    living = [status for status in STATUSES if status != AgentStatus.REVOKED]
    return Figures(
        registered=tally.where(),
        new=mine.filter(created_at__gte=clock.now() - _NEW).count(),
        verified=tally.where(status=[AgentStatus.VERIFIED]),
        pending=tally.where(status=[AgentStatus.PENDING]),
        pending_since=waiting.first(),
        suspended=tally.where(status=[AgentStatus.SUSPENDED]),
        below_minimum=tally.where(status=[AgentStatus.VERIFIED], trust=["low"]),
        without_key=tally.where(status=living, key=[NO_KEY]),
    )


def facets_for(actor: Actor, filters: Filters, tally: Tally) -> list[Facet]:
    """Each with the counts that choosing one of its values would lead to; capabilities are not counted."""
    statuses, types = tally.by("status", filters), tally.by("type", filters)
    trusts, keys = tally.by("trust", filters), tally.by("key", filters)
    key_words: list[tuple[str, Promise | str]] = [*PublicKey.KeyType.choices, (NO_KEY, _("No key"))]
    capabilities = [(capability.code, capability.label, None) for capability in CATALOGUE.values()]
    return [
        make_facet("status", _("Status"), [(v, w, statuses[v]) for v, w in STATUSES.items()], filters.statuses),
        make_facet("capability", _("Capability"), capabilities, filters.capabilities),
        make_facet("trust", _("Trust"), [(v, w, trusts[v]) for v, (w, _condition) in TRUSTS.items()], filters.trusts),
        make_facet("key", _("Key"), [(v, w, keys[v]) for v, w in key_words], filters.keys),
        make_facet("owner", _("Owner"), _owners(actor, filters, tally), filters.owners),
        make_facet("type", _("Type"), [(v, w, types[v]) for v, w in AgentType.choices], filters.types),
    ]


def _owners(actor: Actor, filters: Filters, tally: Tally) -> list[tuple[str, Promise | str, int | None]]:
    """Those who own the most, those who are chosen, and nobody."""
    counted = tally.by("owner", filters)
    most = [owner for owner, _n in counted.most_common(_OWNERS + 1) if owner != NOBODY][:_OWNERS]
    listed = dict.fromkeys([*most, *(owner for owner in filters.owners if owner != NOBODY)])
    ids: dict[UUID | None, str] = {owner_of(owner): owner for owner in listed}
    people = memberships_visible_to(actor).filter(user_id__in=list(ids))
    names = {ids[row.user_id]: row.user.name or row.user.email for row in people}
    options: list[tuple[str, Promise | str, int | None]] = [
        (owner, names[owner], counted[owner]) for owner in listed if owner in names
    ]
    return [*options, (NOBODY, _("No owner"), counted[NOBODY])]
