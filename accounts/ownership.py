"""How higher rooms hand over what a person owns: accounts import none of them."""

from collections.abc import Callable

from accounts.contracts import Actor
from accounts.models import Membership

HandOver = Callable[[Actor, Membership, Membership], int]
_hand_overs: list[HandOver] = []


def register_hand_over(function: HandOver) -> HandOver:
    """Have `function(actor, giver, taker)` move what it knows of, and answer how many. Call it in `ready()`."""
    if function not in _hand_overs:
        _hand_overs.append(function)
    return function


def hand_over(actor: Actor, giver: Membership, taker: Membership) -> int:
    """In the caller's transaction, with the organization locked."""
    return sum(function(actor, giver, taker) for function in _hand_overs)
