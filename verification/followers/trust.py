"""Moves the trust of agents by what they did: see `docs/trust.md`."""

from collections.abc import Sequence

from aim.ledger.followers import SealedEntry, follower
from verification.trust.bookkeeping import forget_progress, keep_books
from verification.trust.scoring import KINDS


@follower(name="trust", kinds=KINDS, pause=0.5)
class TrustFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        keep_books(entries)

    def reset(self) -> None:
        forget_progress()
