"""Where checks announce themselves. A code is taken once and for ever; `order` is that of evaluation, cheap refusals
first, `position` that of the record.
"""

from collections.abc import Callable
from dataclasses import dataclass

from verification.contracts import Case, Outcome


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    title: str
    order: int
    position: int
    run: Callable[[Case], Outcome]
    asked_again: bool
    """Whether it is asked again when a pending request is approved and used; not so where it reads the message."""


_checks: dict[str, Check] = {}


def check(
    *, name: str, title: str, order: int, position: int, asked_again: bool = True
) -> Callable[[Callable[[Case], Outcome]], Check]:
    """Register a function as a check; a name used twice is a programming error and stops the start."""

    def register(run: Callable[[Case], Outcome]) -> Check:
        if name in _checks or any(order == other.order for other in _checks.values()):
            raise RuntimeError(f"Check {name!r} or its place {order} is taken")
        _checks[name] = Check(name, title, order, position, run, asked_again)
        return _checks[name]

    return register


def checks_in_order() -> tuple[Check, ...]:
    """The registered checks in the order of evaluation."""
    return tuple(sorted(_checks.values(), key=lambda check: check.order))
