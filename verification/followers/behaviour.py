"""Learns what is usual for each agent: see `docs/trust.md`."""

from collections.abc import Sequence

from aim.ledger.followers import SealedEntry, follower
from verification.behaviour.learning import KINDS, forget_profiles, learn_from


# What is usual changes slowly, and a profile is written as a whole: rather seldom than often.
@follower(name="behaviour", kinds=KINDS, pause=2.0)
class BehaviourFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        learn_from(entries)

    def reset(self) -> None:
        forget_profiles()
