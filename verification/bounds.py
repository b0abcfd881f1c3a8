"""When decisions of a kind can have been made, by the counts, so that what is rare is not looked for among all.

The counts of days are kept for good, and know all that the follower `statistics` has taken in.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from accounts.contracts import Actor
from aim import clock
from aim.ids import uuid7_floor
from aim.ledger.models import Follower, Leaf
from verification.models import TotalRollup, Verification

_DAY = timedelta(days=1)
_APART = timedelta(minutes=5)
"""More than lies between the ids of two entries that the ledger has in the other order."""
_FEW_DAYS = 2


def within_days(actor: Actor, rows: QuerySet[Verification], kind: Q) -> QuerySet[Verification]:
    """The rows from the first day to the last in which any of the kind was counted, and those not counted yet.

    `kind` narrows both counts and decisions. The counts are of the whole organization, also for an agent's own rows.
    """
    uncounted = _uncounted()
    if uncounted is None:
        return rows
    counts = TotalRollup.objects.filter(
        kind, organization_id=actor.scope, granularity=TotalRollup.Granularity.DAY
    ).aggregate(first=Min("period"), last=Max("period"))
    first: datetime | None = counts["first"]
    if first is None:
        return rows.filter(id__gte=uncounted)
    lately = counts["last"] > clock.now() - _FEW_DAYS * _DAY
    if lately or rows.filter(kind, id__gte=uncounted).exists():
        return rows.filter(id__gte=min(_floor(first), uncounted))
    return rows.filter(id__gte=min(_floor(first), uncounted), id__lt=_floor(counts["last"], _DAY))


def within_moments(
    rows: QuerySet[Verification], *, since: datetime | None, until: datetime | None
) -> QuerySet[Verification]:
    """By the key as well, whose first bits are the time; the moment of a decision is told by its column alone."""
    if since is not None:
        rows = rows.filter(id__gte=_floor(since, -_APART))
    return rows if until is None else rows.filter(id__lt=_floor(until, _APART))


def _uncounted() -> UUID | None:
    """Where the decisions begin that may not be counted yet; None as long as nothing is."""
    seq = Follower.objects.filter(name="statistics").values("seq")[:1]
    newest = Leaf.objects.filter(seq=seq).values_list("entry_id", flat=True).first()
    if newest is None:
        return None
    return UUID(int=max(0, newest.int - (int(_APART.total_seconds() * 1000) << 80)))


def _floor(moment: datetime, later: timedelta = timedelta()) -> UUID:
    """Added up as seconds, which no moment is too early or too late for."""
    return uuid7_floor(moment.timestamp() + later.total_seconds())
