"""What one process of the installation does every few seconds. The host of the followers runs it, in one of them."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar


class Duty(NamedTuple):
    name: str
    seconds: float
    work: Callable[[], Any]


_registered: list[Duty] = []
W = TypeVar("W", bound=Callable[[], Any])


def duty(*, name: str, seconds: float) -> Callable[[W], W]:
    """Register a function to be called so many seconds after it has last returned. It may be called twice at once."""

    def register(work: W) -> W:
        if any(known.name == name for known in _registered):
            raise RuntimeError(f"Two duties are named {name}")
        _registered.append(Duty(name, seconds, work))
        return work

    return register


def registered_duties() -> list[Duty]:
    return list(_registered)
