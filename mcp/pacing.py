"""When a server is verified again: a little before its interval is over, and soon after a failure."""

import random
from datetime import datetime, timedelta

_EARLY = 0.05
_FIRST_RETRY = timedelta(minutes=5)
_LONGEST_RETRY = timedelta(hours=1)
_DOUBLINGS = 8


def next_verification_at(now: datetime, *, reverify_hours: int, failures: int) -> datetime:
    """`failures` are those in a row, none after a good run.

    After a good run it is up to a twentieth of the interval early, so that servers registered together come apart.
    After a failure it is 5 minutes, doubled with each further one up to an hour: an error that lasts reaches the usual
    threshold of 3 within a quarter of an hour, and a server that is back does not wait for a day.
    """
    interval = timedelta(hours=reverify_hours)
    if failures == 0:
        return now + interval * (1 - _EARLY * random.random())  # noqa: S311 - no secret
    doublings: int = 2 ** min(failures - 1, _DOUBLINGS)
    return now + min(interval, _LONGEST_RETRY, _FIRST_RETRY * doublings)
