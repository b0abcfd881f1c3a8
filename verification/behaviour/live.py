"""The profile that a process decides by, with what this process has seen of the agent within the last minutes."""

from msgspec import Struct
from msgspec.json import Decoder

from verification.behaviour.profile import YOUNG, Profile
from verification.behaviour.scoring import NOTHING, Judgement, hour_points, judge
from verification.behaviour.traits import Traits, hour_of_week

_decode = Decoder(Profile).decode
_MINUTE = 60
_FORGET = 600.0
"""Seconds after which what came before no longer counts."""
_KEPT = 0.8


class Recent(Struct):
    """What this process has seen of an agent lately: requests of this minute, and how unusual the last ones were."""

    minute: int = 0
    count: int = 0
    streak: float = 0.0
    last: float = 0.0


class Behaviour:
    """Of one agent. Replaced in place when its profile moves on, which no epoch tells of: it changes all the time."""

    __slots__ = ("_hour", "_hour_points", "asked", "profile", "recent", "rules", "version")

    def __init__(self, rules: "AnomalyRules", profile: Profile, version: int = 0) -> None:
        self.rules = rules
        self.profile = profile
        self.version = version
        self.recent = Recent()
        """Handed on from snapshot to snapshot."""
        self.asked = False
        """Whether it was used since somebody last looked for a newer profile."""
        self._hour, self._hour_points = -1, 0.0

    def replace(self, profile: Profile, version: int) -> None:
        self.profile, self.version = profile, version
        self._hour = -1

    def judge(self, traits: Traits, now: float) -> Judgement:
        """How unusual the request is; it counts from now on."""
        self.asked = True
        recent = self.recent
        minute = int(now) // _MINUTE
        if minute != recent.minute:
            recent.minute, recent.count = minute, 0
        recent.count += 1
        if self.profile.fresh <= YOUNG:
            return NOTHING
        hour = hour_of_week(self.rules.zone, now)
        if hour != self._hour:
            self._hour, self._hour_points = hour, hour_points(self.profile, hour)
        streak = recent.streak if now - recent.last < _FORGET else 0.0
        found = judge(self.profile, traits, hour_points=self._hour_points, in_minute=recent.count, streak=streak)
        recent.last, recent.streak = now, _KEPT * streak + (1 - _KEPT) * found.base
        return found


class AnomalyRules(Struct, frozen=True):
    """What the organization wants: from which score on, and what then. `zone` is where its hours are."""

    zone: str
    threshold: int
    effect: str


def read_profile(text: str | None) -> Profile:
    """From the JSON of a row; nothing is usual for an agent without one."""
    return Profile() if text is None else _decode(text)
