"""How unusual a request is for its agent: points for each way in which it differs, which add up to the score.

Novelty is measured by how often this agent does something new (Witten and Bell): a new page is nothing for an agent
that reads a new one each minute, and much for one that has read the same three for weeks.
"""

from math import log2, sqrt

from msgspec import Struct

from verification.behaviour.profile import GROWN, YOUNG, Average, Profile
from verification.behaviour.traits import HOURS, Traits

# The most points that each way may give.
ACTION, RESOURCE, DESTINATION, HOUR, VOLUME, RATE, STREAK = 60, 50, 85, 40, 70, 50, 50
HIGHEST = 100
_ENOUGH = 10
_FAMILIAR = 5.0
_CERTAIN = 10.0
"""Bits of surprise that give all points: one in a thousand."""
_DAYS_TO_KNOW_HOURS = 4.0
_DAY_HOURS = 24
_WEEKEND = 120
_SHOWN = 20


class Part(Struct, frozen=True, gc=False):
    name: str
    points: float


class Judgement(Struct, frozen=True, gc=False):
    """`base` is the score without what came before it."""

    score: int
    base: float
    parts: tuple[Part, ...]

    def explain(self) -> str:
        """Such as "93 %: new destination 45, large volume 38, unusual hour 10"."""
        if self.score < _SHOWN:
            return f"{self.score} %"
        parts = sorted(self.parts, key=lambda part: -part.points)
        return f"{self.score} %: {', '.join(f'{part.name} {part.points:.0f}' for part in parts if part.points >= 1)}"


NOTHING = Judgement(0, 0.0, ())


def confidence(profile: Profile) -> float:
    """0 for a young agent, of which nothing can be unusual, to 1."""
    return _share(profile.fresh - YOUNG, GROWN - YOUNG)


def judge(profile: Profile, traits: Traits, *, hour_points: float, in_minute: int, streak: float) -> Judgement:
    """`in_minute` is how many requests the agent has made within this minute, `streak` the mean of the last bases."""
    sure = confidence(profile)
    if sure == 0:
        return NOTHING
    parts: list[Part] = []
    strange = _strange(profile, profile.hosts.get(traits.host, 0.0)) if traits.host else 0.0
    if strange:
        bits = _rarity(profile.new_hosts, profile.all.seen)
        _add(parts, "new destination", DESTINATION, strange * bits / _CERTAIN, sure)
    new_action = _judge_action(parts, profile, traits, sure)
    new_host = traits.host not in profile.hosts
    _judge_steps(parts, profile, traits, sure / 2 if new_action else sure, new_host=new_host)
    if traits.volume:
        _judge_volume(parts, profile, traits, sure)
    if in_minute > 1 and profile.rate.weight:
        beyond = _deviation(profile.rate, log2(1 + in_minute), 0.5)
        if beyond > 3:  # noqa: PLR2004 - deviations from the mean
            _add(parts, "high rate", RATE, (beyond - 3) / 4, sure)
    if hour_points:
        parts.append(Part("unusual hour", hour_points * sure))
    if not parts:
        return NOTHING
    base = min(HIGHEST, sum([part.points for part in parts]))
    if streak and base:
        _add(parts, "several in a row", STREAK, (streak - 10 - 2 * profile.base.mean) / 25, sure)
    return Judgement(min(HIGHEST, round(sum([part.points for part in parts]))), base, tuple(parts))


def _judge_action(parts: list[Part], profile: Profile, traits: Traits, sure: float) -> bool:
    """Whether the action is new, which makes a new resource less of a surprise."""
    known = profile.actions.get(traits.action)
    strange = _strange(profile, known.weight if known else 0.0)
    if strange:
        bits = _rarity(profile.all.novel, profile.all.seen)
        _add(parts, "new action", ACTION, strange * bits / _CERTAIN, sure)
    elif known and 16 * known.weight < profile.all.seen:
        # Down to one in sixteen is usual, one in a thousand is not.
        _add(parts, "rare action", ACTION / 2, (log2(profile.all.seen / known.weight) - 4) / 6, sure)
    return strange > 0


def _judge_steps(parts: list[Part], profile: Profile, traits: Traits, sure: float, *, new_host: bool) -> None:
    parent = profile.steps.get("")
    if parent is None:
        return
    familiar = _FAMILIAR * profile.unit
    for depth, step in enumerate(traits.steps):
        known = profile.steps.get(step)
        if known is None or known.seen < familiar:
            strange = _strange(profile, known.seen if known else 0.0)
            # A resource on a new host is new by that alone.
            if not (new_host and depth == 0):
                bits = _rarity(parent.novel, parent.seen)
                _add(parts, "unusual resource", RESOURCE, strange * bits / _CERTAIN, sure)
            return
        parent = known or parent


def _judge_volume(parts: list[Part], profile: Profile, traits: Traits, sure: float) -> None:
    usual = profile.actions.get(traits.action)
    if usual is None or usual.weight < _ENOUGH * profile.unit:
        # Nothing is known of this action: compared with all the others.
        usual = max(profile.actions.values(), key=lambda average: average.mean, default=None)
        if usual is None:
            return
    beyond = _deviation(usual, log2(1 + traits.volume), 0.75)
    if beyond > 2.5:  # noqa: PLR2004 - deviations from the mean
        _add(parts, "large volume", VOLUME, (beyond - 2.5) / 5, sure)


def hour_points(profile: Profile, hour: int) -> float:
    """Points for the hour of the week, once enough days are known: by this hour of the week and by this hour of such
    days together.
    """
    sure = _share(profile.days - _DAYS_TO_KNOW_HOURS, _DAYS_TO_KNOW_HOURS)
    if not sure or not (total := sum(profile.hours)):
        return 0.0
    hours = range(_WEEKEND, HOURS) if hour >= _WEEKEND else range(_WEEKEND)
    alike = range(hours.start + hour % _DAY_HOURS, hours.stop, _DAY_HOURS)
    usual = sum(_around(profile.hours, other) for other in alike) / len(alike)
    # 1 for an hour that is as busy as the average one.
    density = HOURS * max(usual, _around(profile.hours, hour)) / total
    return HOUR * sure * _share(0.2 - density, 0.2)


def _around(hours: list[float], hour: int) -> float:
    return hours[hour] / 2 + (hours[hour - 1] + hours[(hour + 1) % HOURS]) / 4


def _strange(profile: Profile, weight: float) -> float:
    """1 for what never came, 0 for what has come often enough to be known: once is not enough."""
    familiar = _FAMILIAR * profile.unit
    return 0.0 if weight >= familiar else _share(familiar - weight, familiar)


def _rarity(novel: float, seen: float) -> float:
    """How many bits of surprise something new is, where something new came `novel` of `seen` times."""
    return log2((seen + novel) / novel) if novel else 0.0


def _deviation(usual: Average, value: float, least: float) -> float:
    """How many standard deviations, of at least so much, the value lies above the mean."""
    return (value - usual.mean) / max(least, sqrt(usual.variance))


def _share(value: float, whole: float) -> float:
    return min(1.0, max(0.0, value / whole))


def _add(parts: list[Part], name: str, most: float, share: float, sure: float) -> None:
    if share > 0:
        parts.append(Part(name, most * min(1.0, share) * sure))
