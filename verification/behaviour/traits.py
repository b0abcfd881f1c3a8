"""What behaviour looks at in a request: the same from a live request and from its record."""

import re
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

from msgspec import Struct

from aim import clock
from aim.resources.resource import Resource

HOURS = 168
_DEEPEST = 6
_VARIABLE = re.compile(r"[0-9a-f]{8,}|[0-9]+")
_HOUR = 3600
_MONDAY = 96
"""1970 began on a Thursday: so many hours before a Monday."""


class Traits(Struct, frozen=True, gc=False):
    """`steps` are the ways to the resource from its beginning to its end, `host` where something goes to, both as
    fingerprints: a profile must not hold what could name a person.
    """

    action: str
    steps: tuple[str, ...]
    host: str
    volume: int


def traits_of(action: str, tool: str | None, place: Resource | None, destination: str | None, volume: int) -> Traits:
    host = destination or (place.host if place is not None else "")
    return Traits(
        action if tool is None else f"{action}:{tool}"[:120],
        () if place is None else _steps(place.key),
        fingerprint(host) if host else "",
        volume,
    )


@lru_cache(maxsize=65_536)
def fingerprint(text: str) -> str:
    """Twelve digits that stand for a text."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _steps(key: str) -> tuple[str, ...]:
    """The prefixes of a resource. Numbers count as the same, or each order and each day would be something new."""
    return _ways(_VARIABLE.sub("#", key))


@lru_cache(maxsize=16_384)
def _ways(key: str) -> tuple[str, ...]:
    parts = key.rstrip("/").split("/")
    deepest = min(len(parts), _DEEPEST)
    ways = ["/".join(parts[: length + 1]) for length in range(deepest - 1)]
    return tuple(fingerprint(way) for way in (*ways, "/".join(parts)))


def hour_of_week(zone: str, now: float) -> int:
    """0 for Monday from midnight to one o'clock, where the organization is."""
    hour = int(now) // _HOUR
    return (hour + _offset(zone, hour) + HOURS - _MONDAY) % HOURS


@lru_cache(maxsize=4096)
def _offset(zone: str, hour: int) -> int:
    """Whole hours that the zone is ahead of UTC then."""
    offset = clock.at_seconds(hour * _HOUR).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / _HOUR)
