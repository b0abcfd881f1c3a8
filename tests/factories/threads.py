"""The same thing done by many at the same moment, each with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


def at_once(count: int, action: Callable[[int], object]) -> list[Any]:
    """What each of `count` calls returned, or the exception it raised."""
    barrier = Barrier(count)

    def run(index: int) -> object:
        barrier.wait()
        try:
            return action(index)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
