"""What is usual for one agent: a few kilobytes of JSON, moved a little by each action that was approved.

What was learned loses half of its weight every four weeks and within some thousand actions, so that a profile follows
what an agent really does. Instead of shrinking all weights each time, new ones are given more (`unit`), which compares
the same.
"""

from math import log2

from msgspec import Struct, field

from verification.behaviour.traits import HOURS, Traits

YOUNG, GROWN = 50, 200
"""Approved actions: before the first nothing is unusual, from the second on everything counts in full."""
_HALF_LIFE = 28 * 86_400
_MEMORY = 4000
_MOST_ACTIONS, _MOST_STEPS, _MOST_HOSTS = 32, 128, 48
_LARGEST_UNIT = 1024.0
_MINUTE, _DAY = 60, 86_400
_MOST_DAYS = 1000
_DIGITS = 4
"""Enough to tell weights apart, few enough to keep the JSON small. Rounded where they are made, so that a profile that
was stored in between is the same as one that was not.
"""


class Average(Struct, array_like=True):
    """A weighted mean and variance."""

    weight: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, value: float, weight: float) -> None:
        self.weight = round(self.weight + weight, _DIGITS)
        share, before = weight / self.weight, value - self.mean
        self.mean = round(self.mean + before * share, _DIGITS)
        spread = before * (value - self.mean) - self.variance
        self.variance = max(0.0, round(self.variance + spread * share, _DIGITS))


class Count(Struct, array_like=True):
    """How often something came, and how often something new came below it."""

    seen: float = 0.0
    novel: float = 0.0

    def add(self, weight: float, *, novel: bool) -> None:
        self.seen = round(self.seen + weight, _DIGITS)
        if novel:
            self.novel = round(self.novel + weight, _DIGITS)


class Profile(Struct, omit_defaults=True):
    """`fresh` counts the actions since the agent was made or changed; `steps` are the ways to resources.

    `base` is how unusual its actions looked when they were learned, `odd_at` when one that did counted in full.
    `actions` holds for each its volume (binary logarithm of bytes), whose weight says how often it came.
    """

    fresh: float = 0.0
    unit: float = 1.0
    at: float = 0.0
    day: int = 0
    days: int = 0
    minute: int = 0
    in_minute: float = 0.0
    all: Count = field(default_factory=Count)
    actions: dict[str, Average] = {}
    hours: list[float] = []
    steps: dict[str, Count] = {}
    hosts: dict[str, float] = {}
    new_hosts: float = 0.0
    rate: Average = field(default_factory=Average)
    base: Average = field(default_factory=Average)
    odd_at: float = 0.0


def learn(profile: Profile, traits: Traits, *, at: float, hour: int, weight: float) -> None:
    """Take in one approved action; `weight` is how many it stands for."""
    _age(profile, at, weight)
    unit = profile.unit * weight
    profile.fresh = min(GROWN, profile.fresh + weight)
    known = traits.action in profile.actions
    if not known:
        profile.actions[traits.action] = Average()
    profile.all.add(unit, novel=not known)
    profile.actions[traits.action].add(log2(1 + traits.volume), unit)
    if not profile.hours:
        profile.hours = [0.0] * HOURS
    profile.hours[hour] = round(profile.hours[hour] + unit, _DIGITS)
    _learn_steps(profile, traits, unit)
    if traits.host not in profile.hosts:
        profile.new_hosts = round(profile.new_hosts + unit, _DIGITS)
    profile.hosts[traits.host] = round(profile.hosts.get(traits.host, 0.0) + unit, _DIGITS)
    _learn_rate(profile, at, weight)
    _bound(profile)


def begin_anew(profile: Profile) -> None:
    """The agent was changed: what it does next may differ, and is not held against it for a while."""
    profile.fresh = min(profile.fresh, YOUNG)


def _learn_steps(profile: Profile, traits: Traits, unit: float) -> None:
    parent = profile.steps.setdefault("", Count())
    for step in traits.steps:
        known = profile.steps.get(step)
        parent.add(unit, novel=known is None)
        if known is None:
            known = profile.steps[step] = Count()
        parent = known
    parent.add(unit, novel=False)


def _learn_rate(profile: Profile, at: float, weight: float) -> None:
    """Each minute in which the agent does anything counts once, with how much it did in it."""
    minute = int(at) // _MINUTE
    if minute > profile.minute:
        if profile.in_minute:
            profile.rate.add(log2(1 + profile.in_minute), profile.unit)
        profile.minute, profile.in_minute = minute, 0.0
    profile.in_minute += weight
    day = int(at) // _DAY
    if day > profile.day:
        profile.day, profile.days = day, min(_MOST_DAYS, profile.days + 1)


def _age(profile: Profile, at: float, weight: float) -> None:
    passed, profile.at = max(0.0, at - profile.at) if profile.at else 0.0, max(profile.at, at)
    profile.unit = round(profile.unit * 2 ** (min(passed / _HALF_LIFE, 8) + weight / _MEMORY), _DIGITS)
    if profile.unit > _LARGEST_UNIT:
        _rescale(profile)


def _rescale(profile: Profile) -> None:
    """Everything in today's unit again, before numbers grow without bound."""
    unit, profile.unit = profile.unit, 1.0
    for count in (profile.all, *profile.steps.values()):
        count.seen, count.novel = round(count.seen / unit, _DIGITS), round(count.novel / unit, _DIGITS)
    for average in (profile.rate, profile.base, *profile.actions.values()):
        average.weight = round(average.weight / unit, _DIGITS)
    profile.hours = [round(weight / unit, _DIGITS) for weight in profile.hours]
    profile.hosts = {host: round(weight / unit, _DIGITS) for host, weight in profile.hosts.items()}
    profile.new_hosts = round(profile.new_hosts / unit, _DIGITS)


def _bound(profile: Profile) -> None:
    """Forget what came least, once there is more than may be held; the beginning of all ways stays."""
    if len(profile.actions) > _MOST_ACTIONS:
        del profile.actions[min(profile.actions, key=lambda name: profile.actions[name].weight)]
    if len(profile.hosts) > _MOST_HOSTS:
        del profile.hosts[min(profile.hosts, key=profile.hosts.__getitem__)]
    while len(profile.steps) > _MOST_STEPS:
        del profile.steps[min(profile.steps, key=lambda step: profile.steps[step].seen)]
