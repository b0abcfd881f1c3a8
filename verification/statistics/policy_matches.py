"""How often a policy applied within a time: added up from what the follower `matches` counts, not from the records."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from aim import clock
from aim.ids import IdKind, show_id

HOURS_KEPT = timedelta(days=120)
"""Older counts by hour are deleted; days are kept for ever."""
MOST_SAMPLES = 5
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WITHIN = """
r.organization_id = %(organization_id)s
AND (r.granularity = 'day' AND r.period >= %(first_day)s AND r.period < %(last_day)s
    OR r.granularity = 'hour' AND r.period >= %(since)s AND r.period < %(first_day)s
    OR r.granularity = 'hour' AND r.period >= %(last_day)s AND r.period < %(until)s)
"""
_OF_POLICY = "FROM verification_policyrollup r WHERE r.policy_id = %(policy_id)s AND " + _WITHIN
_COUNTS = "SELECT r.version, r.shadow, r.effect, r.agent_id, sum(r.count)::bigint " + _OF_POLICY + "GROUP BY 1, 2, 3, 4"
_SAMPLES = "SELECT DISTINCT unnest(r.latest) AS id " + _OF_POLICY + "ORDER BY id DESC LIMIT %(most)s"
_OF_ALL = "FROM verification_totalrollup r WHERE " + _WITHIN
_EXAMINED = "SELECT coalesce(sum(r.count), 0)::bigint " + _OF_ALL


@dataclass(slots=True)
class Matches:
    """How often the versions of a policy applied, live and as shadows, by what they said.

    `since` and `until` are whole hours, or whole days where hours are no longer known; `examined` are all decisions of
    the organization between them.
    """

    since: datetime
    until: datetime
    examined: int = 0
    counts: Counter[tuple[int, bool, str]] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)


def count_matches(organization_id: UUID, policy_id: UUID, *, since: datetime, until: datetime) -> Matches:
    oldest = clock.now() - HOURS_KEPT
    since = _floor(since, _HOUR if since >= oldest else _DAY)
    until = _ceiling(until, _HOUR if until >= oldest else _DAY)
    found = Matches(since, until)
    values = parts(organization_id, policy_id, since, until)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        for version, shadow, effect, agent_id, count in cursor.fetchall():
            found.counts[version, shadow, effect] += count
            found.agents[show_id(IdKind.AGENT, agent_id)] += count
        cursor.execute(_SAMPLES, values)
        found.samples = [show_id(IdKind.VERIFICATION, verification_id) for (verification_id,) in cursor.fetchall()]
        cursor.execute(_EXAMINED, values)
        found.examined = cursor.fetchone()[0]
    return found


def parts(organization_id: UUID, policy_id: UUID, since: datetime, until: datetime) -> dict[str, Any]:
    """What the statements ask for: the whole days of a time, and the hours before and after them."""
    first_day, last_day = _ceiling(since, _DAY), _floor(until, _DAY)
    if first_day >= last_day:
        first_day = last_day = until
    return {
        "since": since,
        "first_day": first_day,
        "last_day": last_day,
        "until": until,
        "policy_id": policy_id,
        "organization_id": organization_id,
        "most": MOST_SAMPLES,
    }


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % step


def _ceiling(moment: datetime, step: timedelta) -> datetime:
    return moment + (_EPOCH - moment) % step
