"""The database's time, known without asking: this machine's own clock is not believed."""

import time


class DatabaseClock:
    """Counts on from the last time the database told, with the monotonic clock that nobody can set."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.monotonic() + self._offset

    def learn(self, told: float, *, sent: float, received: float) -> None:
        """Take in that the database read `told` at some moment between two readings of the monotonic clock.

        As long as our reckoning falls between the two there is nothing to correct, so that a slow answer does not
        shift the clock.
        """
        earliest, latest = told - received, told - sent
        self._offset = min(max(self._offset, earliest), latest)
