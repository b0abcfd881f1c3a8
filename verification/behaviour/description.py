"""A profile in the words of people. It holds no names but those of actions: resources and hosts are fingerprints."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from verification.behaviour.profile import GROWN, Profile
from verification.behaviour.scoring import confidence
from verification.behaviour.traits import HOURS
from verification.models import BehaviourProfile


@dataclass(frozen=True, slots=True)
class UsualAction:
    action: str
    share: float
    usual_bytes: int


@dataclass(frozen=True, slots=True)
class Description:
    """`hours` has for each hour of the week, from Monday midnight on, the share of what is done in it."""

    confidence: float
    actions_seen: int
    actions_needed: int
    days_seen: int
    actions: list[UsualAction]
    hours: list[float]
    actions_per_minute: float
    destinations: int
    resources: int
    updated_at: datetime | None


def describe(row: BehaviourProfile | None) -> Description:
    """What is known of an agent; nothing yet where there is no row."""
    profile = Profile() if row is None else msgspec.convert(row.profile, Profile)
    seen = profile.all.seen or 1.0
    busiest = sorted(profile.actions.items(), key=lambda item: -item[1].weight)
    total = sum(profile.hours) or 1.0
    return Description(
        confidence=round(confidence(profile), 2),
        actions_seen=int(profile.fresh),
        actions_needed=GROWN,
        days_seen=profile.days,
        actions=[
            UsualAction(name, round(average.weight / seen, 4), round(2**average.mean - 1)) for name, average in busiest
        ],
        hours=[round(weight / total, 4) for weight in profile.hours or [0.0] * HOURS],
        actions_per_minute=round(2**profile.rate.mean - 1, 1) if profile.rate.weight else 0.0,
        destinations=sum(1 for host in profile.hosts if host),
        resources=max(0, len(profile.steps) - 1),
        updated_at=row.updated_at if row else None,
    )
