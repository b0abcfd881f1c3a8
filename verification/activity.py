"""What each agent asked of late: what the registry of agents shows of decisions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Subquery, Sum

from accounts.contracts import Actor
from agents.activity import Activity, register_activity
from agents.models import Agent
from aim import clock
from verification.models import Rollup, Verification

_HOURS = 24


@dataclass(slots=True)
class _Day:
    course: list[int] = field(default_factory=lambda: [0] * _HOURS)
    denied: int = 0


@register_activity
def activity_of_agents(actor: Actor, agent_ids: Sequence[UUID]) -> Mapping[UUID, Activity]:
    """Two statements, each of which looks at index entries of these agents alone, however many decisions there are."""
    days = _last_day(actor, agent_ids)
    newest = Verification.objects.filter(agent_id=OuterRef("id")).order_by("-id").values("created_at")[:1]
    rows = Agent.objects.filter(organization_id=actor.scope, id__in=agent_ids).order_by()
    return {
        agent_id: _activity(last_call, days.get(agent_id))
        for agent_id, last_call in rows.values_list("id", Subquery(newest))
    }


def _activity(last_call: datetime | None, day: _Day | None) -> Activity:
    if day is not None:
        return Activity(last_call, calls=sum(day.course), denied=day.denied, course=tuple(day.course))
    if last_call is not None and last_call > clock.now() - timedelta(hours=_HOURS):
        # The decision is on record and the statistics have not come to it yet: nothing is known, and 0 would be wrong.
        return Activity(last_call)
    return Activity(last_call, calls=0, denied=0, course=(0,) * _HOURS)


def _last_day(actor: Actor, agent_ids: Sequence[UUID]) -> dict[UUID, _Day]:
    """The hour that runs, and the 23 before it. Each hour is named, so that the key finds the agents within it."""
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=_HOURS - 1 - index) for index in range(_HOURS)]
    places = {hour: place for place, hour in enumerate(hours)}
    rows = (
        Rollup.objects.filter(
            organization_id=actor.scope,
            granularity=Rollup.Granularity.HOUR,
            period__in=hours,
            agent_id__in=list(agent_ids),
        )
        .values_list("agent_id", "period", "status")
        .annotate(n=Sum("count"))
        .order_by()
    )
    days: dict[UUID, _Day] = defaultdict(_Day)
    for agent_id, period, status, count in rows:
        days[agent_id].course[places[period]] += count
        if status == Verification.Status.DENIED:
            days[agent_id].denied += count
    return days
