"""The list of decisions as people search it, quick however many there are.

Counts come from the rollups, which know agent, action, status and code; only text, person and session are asked of the
decisions themselves, and then the count ends at a stated bound. Rows are read by the index of the organization, from
the newest period that holds any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.selectors import names_of
from aim import clock
from aim.console.lists import Facet, Order, Page, keyset_page, make_facet
from aim.ids import IdKind, InvalidIdError, parse_id, show_id, uuid7_bytes
from verification.classified import LOOKED as OF_CLASS
from verification.classified import classes_named, newest_of_classes, of_classes
from verification.codes import MEANINGS
from verification.documents import having, matching, matching_ids
from verification.models import Verification
from verification.policy_selectors import data_classes_visible_to
from verification.selectors import verifications_visible_to
from verification.statistics.counts import Counts, Kind, Wanted
from verification.statistics.selectors import SPANS, STEPS, USUAL_POINTS, Granularity, Span, span_of

USUAL_RANGE = "24h"
CUSTOM = "custom"
"""The name of a range of two days, which an address asks for by naming the first of them."""
RANGES: Mapping[str, Promise] = {
    "1h": _("Last Hour"),
    "24h": _("Last 24 Hours"),
    "7d": _("Last 7 Days"),
    "30d": _("Last 30 Days"),
    "90d": _("Last 90 Days"),
    "365d": _("Last Year"),
}
STATUSES: Mapping[str, Promise] = {"approved": _("Approved"), "denied": _("Denied"), "pending": _("Waiting")}
COUNTED = 1000
"""So many matches of a text are counted; beyond, the list says "1,000+"."""
_ORDERS = {"time": "id"}
_SHOWN = 8
LOOKED = 10_000
"""Agents are told apart among so many of the newest decisions, and the rest of the period in which they end."""
_FIRST_YEAR = 2000
"""A year that somebody is still typing is no range."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; values that cannot exist are left out, so that an old bookmark still shows a list."""

    range: str
    since: datetime
    until: datetime | None
    text: str
    statuses: list[str]
    actions: list[str]
    codes: list[str]
    agents: list[UUID]
    data_classes: list[str]
    """The names of classes of data."""
    user: str
    session: str

    @classmethod
    def read(cls, parameters: QueryDict) -> "Filters":
        since, until = _custom(parameters)
        name = CUSTOM
        if since is None:
            name = parameters.get("range", USUAL_RANGE)
            name = name if name in SPANS else USUAL_RANGE
            span = span_of(name)
            assert span is not None
            since = span.since
        return cls(
            range=name,
            since=since,
            until=until,
            text=_text(parameters, "q"),
            statuses=[value for value in STATUSES if value in parameters.getlist("status")],
            actions=[value[:100] for value in dict.fromkeys(parameters.getlist("action")) if "\0" not in value][:20],
            codes=[value for value in dict.fromkeys(parameters.getlist("code")) if value in MEANINGS],
            agents=[id_ for id_ in map(_agent_id, dict.fromkeys(parameters.getlist("agent"))) if id_][:20],
            data_classes=[name for name in dict.fromkeys(parameters.getlist("data")) if "\0" not in name][:20],
            user=_text(parameters, "user"),
            session=_text(parameters, "session"),
        )

    @property
    def first_day(self) -> date | None:
        """Of a range of days; None for a range up to now."""
        return timezone.localdate(self.since) if self.range == CUSTOM else None

    @property
    def last_day(self) -> date | None:
        """The day that `until` ends; None where the range goes up to now."""
        if self.range != CUSTOM or self.until is None:
            return None
        return timezone.localdate(self.until - timedelta(microseconds=1))

    @property
    def any(self) -> bool:
        return bool(self.counted or self.statuses or self.actions or self.codes or self.agents)

    @property
    def counted(self) -> bool:
        """Whether something is asked that the rollups do not know."""
        return bool(self.text or self.user or self.session or self.data_classes)

    @property
    def of_decisions(self) -> bool:
        """Whether anything but the time and the class of data is asked for."""
        return bool(
            self.text or self.user or self.session or self.statuses or self.actions or self.codes or self.agents
        )

    @property
    def exact(self) -> dict[str, str]:
        """Person and session, as the decisions name them."""
        named = {"user_id": self.user, "session_id": self.session}
        return {name: value for name, value in named.items() if value}

    def span(self) -> Span:
        """The whole periods that the range covers."""
        if self.range != CUSTOM:
            span = span_of(self.range)
            assert span is not None
            return span
        until = self.until or clock.now()
        length = until - self.since
        granularity = next((fine for fine, step in STEPS.items() if length / step <= USUAL_POINTS), Granularity.DAY)
        return Span(self.since, until, granularity)

    @property
    def wanted(self) -> Wanted:
        """The filters that the counts know, without the agents."""
        return Wanted(self.statuses, self.actions, self.codes)

    @property
    def of_rows(self) -> Q:
        """The filters that the counts know, over decisions; within one filter any of its values will do."""
        condition = Q()
        for field, values in (
            ("status__in", self.statuses),
            ("action_type__in", self.actions),
            ("code__in", self.codes),
            ("agent_id__in", self.agents),
        ):
            if values:
                condition &= Q(**{field: values})
        return condition


@dataclass(frozen=True, slots=True)
class Listing:
    filters: Filters
    order: Order
    page: Page[Verification]
    names: Mapping[UUID, str]
    """Those of the agents of the rows."""
    capped: bool
    counts: "ListCounts"


def listing_for(actor: Actor, parameters: QueryDict) -> Listing:
    """One page of the decisions, as the address asks for it."""
    filters = Filters.read(parameters)
    order = Order("time", _ORDERS["time"], parameters.get("sort", "-time") != "time")
    counts = ListCounts(actor, filters)
    rows, total, capped = _narrowed(actor, filters, counts)
    page = keyset_page(rows, order, parameters, total=total)
    return Listing(filters, order, page, names_of(actor, (row.agent_id for row in page.rows)), capped, counts)


class ListCounts(Counts):
    """The counts of the span that a list shows, with what its filters leave of them."""

    def __init__(self, actor: Actor, filters: Filters) -> None:
        super().__init__(actor, filters.span(), filters.wanted)
        self.agents = filters.agents

    @cached_property
    def kinds_of_agents(self) -> Sequence[Kind]:
        """Of the agents that are asked for; of all, where none is."""
        return self.kinds_of(self.agents) if self.agents else self.kinds

    def by(self, field: str) -> dict[str, int]:
        """Of each value of the field of `Kind`, how many decisions choosing it would lead to."""
        counts: dict[str, int] = {}
        for kind in self.wanted.within(self.kinds_of_agents, leaving_out=field):
            value = getattr(kind, field)
            counts[value] = counts.get(value, 0) + kind.count
        return counts


def _narrowed(actor: Actor, filters: Filters, counts: ListCounts) -> tuple[QuerySet[Verification], int, bool]:
    """The rows, how many there are, and whether there are more than were counted."""
    rows, beyond = _by_rollups(actor, filters), False
    if classes := classes_named(actor, filters.data_classes):
        most = OF_CLASS if filters.of_decisions else COUNTED + 1
        ids = newest_of_classes(classes, since=filters.since, until=filters.until, most=most)
        rows, beyond = rows.filter(id__any_of=ids), len(ids) == most
        if not (filters.exact or filters.text):
            found = rows.order_by("-id").values("id")[: COUNTED + 1].count()
            return rows, min(found, COUNTED), beyond or found > COUNTED
    if exact := filters.exact:
        rows, count = having(actor, rows, exact, most=COUNTED + 1)
        if not filters.text:
            return rows, min(count, COUNTED), beyond or count > COUNTED
    if filters.text:
        rows = rows.filter(id__any_of=matching_ids(actor, filters.text, rows, most=COUNTED + 1))
        found = rows.order_by("-id").values("id")[: COUNTED + 1].count()
        return rows, min(found, COUNTED), beyond or found > COUNTED
    mine = counts.wanted.within(counts.kinds_of_agents)
    if filters.any and mine:
        # The periods between the first and the last that hold any: what is rare is not looked for everywhere.
        last = max(kind.last for kind in mine) + counts.span.step
        # What is newer than the rollups' last look is always looked through.
        ends = None if last >= clock.now() - timedelta(minutes=5) else last
        rows = _within(rows, min(kind.first for kind in mine), ends)
    return rows, sum(kind.count for kind in mine), False


def every_row(actor: Actor, filters: Filters) -> QuerySet[Verification]:
    """All rows that pass, however long that takes: for files, not for pages."""
    rows = _by_rollups(actor, filters).filter(**filters.exact)
    if classes := classes_named(actor, filters.data_classes):
        rows = rows.filter(id__in=of_classes(classes).values("verification_id"))
    return rows.filter(matching(actor, filters.text)) if filters.text else rows


def _by_rollups(actor: Actor, filters: Filters) -> QuerySet[Verification]:
    """What passes the filters that the rollups know as well."""
    return _within(verifications_visible_to(actor), filters.since, filters.until).filter(filters.of_rows)


def facets_for(actor: Actor, filters: Filters, counts: ListCounts | None = None) -> list[Facet]:
    """Each with the counts that choosing one of its values would lead to, from the rollups."""
    counts = counts or ListCounts(actor, filters)
    statuses, codes = counts.by("status"), counts.by("code")
    codes.pop("", None)
    return [
        make_facet("status", _("Verdict"), [(v, w, statuses.get(v, 0)) for v, w in STATUSES.items()], filters.statuses),
        _busiest("action", _("Action type"), counts.by("action_type"), filters.actions, {}),
        _agent_facet(actor, filters, counts),
        _busiest("code", _("Reason"), codes, filters.codes, {code: CODE_WORDS.get(code, code) for code in codes}),
        _data_class_facet(actor, filters),
    ]


CODE_WORDS: Mapping[str, Promise] = {
    "agent_not_verified": _("Agent not verified"),
    "agent_suspended": _("Agent suspended"),
    "agent_revoked": _("Agent revoked"),
    "ip_not_allowed": _("Network not allowed"),
    "signature_missing": _("No signature"),
    "signature_invalid": _("Invalid signature"),
    "signature_expired": _("Signature expired"),
    "replayed": _("Replayed"),
    "blocked": _("Blocked"),
    "quarantined": _("Quarantined"),
    "capability_missing": _("Missing capability"),
    "out_of_scope": _("Out of scope"),
    "policy_denied": _("Denied by policy"),
    "approval_required": _("Needs approval"),
    "approval_denied": _("Approval denied"),
    "approval_expired": _("Approval expired"),
    "trust_too_low": _("Trust too low"),
    "anomaly": _("Anomaly"),
    "rate_limited": _("Rate limit"),
    "data_limit_exceeded": _("Data limit"),
    "mcp_server_not_verified": _("MCP server not verified"),
    "mcp_capability_disabled": _("MCP tool disabled"),
    "check_failed": _("Check failed"),
}


def _data_class_facet(actor: Actor, filters: Filters) -> Facet:
    """All classes of the organization. Without counts: the rollups do not know them."""
    names = list(data_classes_visible_to(actor).order_by("name").values_list("name", flat=True))
    return make_facet("data", _("Data class"), [(name, name, None) for name in names], filters.data_classes)


def _busiest(
    name: str, label: Promise, counts: Mapping[str, int], chosen: Sequence[str], words: Mapping[str, Promise | str]
) -> Facet:
    """The values that occur most, and those that are chosen."""
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    shown = list(dict.fromkeys([*ordered[:_SHOWN], *chosen]))
    options = [(value, words.get(value, value), counts.get(value, 0)) for value in shown]
    facet = make_facet(name, label, options, chosen)
    return replace(facet, more=max(0, len(ordered) - len(shown)))


def _agent_facet(actor: Actor, filters: Filters, counts: ListCounts) -> Facet:
    """The agents that ask most, each with the count of the whole range.

    Where more was decided than can be looked through for one page, those are offered that ask most of late.
    """
    periods = [at for at in sorted(counts.periods, reverse=True) if counts.periods[at].wanted]
    before = accumulate((counts.periods[at].count for at in periods), initial=0)
    # Each period is named, so that the key finds an agent's counts within it.
    newest = [at for at, passed in zip(periods, before, strict=False) if passed < LOOKED]
    found, all_agents = counts.busiest(newest, periods, most=_SHOWN, besides=filters.agents)
    whole, shown = len(newest) == len(periods), list(found)
    names = names_of(actor, shown)
    options = [(show_id(IdKind.AGENT, agent), names.get(agent, _("Deleted agent")), found[agent]) for agent in shown]
    facet = make_facet("agent", _("Agent"), options, [show_id(IdKind.AGENT, agent) for agent in filters.agents])
    if not whole:
        return replace(facet, note=_("Those that ask most of late"))
    return replace(facet, more=max(0, all_agents - sum(1 for count in found.values() if count)))


def _within(rows: QuerySet[Verification], since: datetime, until: datetime | None) -> QuerySet[Verification]:
    """By the key, whose first bits are the time, so that the partitions and the index are narrowed by it."""
    rows = rows.filter(id__gte=_floor(since))
    return rows if until is None else rows.filter(id__lt=_floor(until))


def _floor(moment: datetime) -> UUID:
    """The least id of its millisecond."""
    return UUID(bytes=uuid7_bytes(moment.timestamp())[:6] + bytes(10))


def _custom(parameters: QueryDict) -> tuple[datetime | None, datetime | None]:
    """Two days of the organization's zone, both included; (None, None) where they are no days."""
    try:
        first, last = parse_date(parameters.get("since", "")), parse_date(parameters.get("until", ""))
    except ValueError:
        return None, None
    if first is None or first.year < _FIRST_YEAR:
        return None, None
    zone = timezone.get_current_timezone()
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    if last is None or last < first:
        return since, None
    ended = datetime(last.year, last.month, last.day, tzinfo=zone) + timedelta(days=1)
    return since, min(ended, clock.now().astimezone(zone if isinstance(zone, ZoneInfo) else None))


def _agent_id(text: str) -> UUID | None:
    try:
        return parse_id(IdKind.AGENT, text)
    except InvalidIdError:
        return None


def _text(parameters: QueryDict, name: str) -> str:
    return parameters.get(name, "").strip().replace("\0", "")[:200]
