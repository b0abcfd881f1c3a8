"""Fills the notifications centre of everybody whom an event concerns."""

from collections.abc import Sequence

from accounts.services.notifications import tell
from aim.ledger.followers import SealedEntry, follower


@follower(name="notifications", kinds=None, pause=0.5)
class NotificationsFollower:
    """Kinds are registered by every room while it is loaded, so that all entries are looked at here."""

    def follow(self, entries: Sequence[SealedEntry]) -> None:
        tell(entries)

    def reset(self) -> None:
        """What was told stays told, read or not; a replay goes on behind the newest of it."""
