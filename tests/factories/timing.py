"""Time on a machine that is busy with other things: work is measured, and what comes is waited for."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Nothing of ours takes as long; a machine under load may. Only what never comes is waited for to the end.
PATIENCE_SECONDS = 60.0
ATTEMPTS = 3


def assert_within(seconds: float, action: Callable[[], object], *, clock: Callable[[], float] = time.monotonic) -> None:
    """One of three attempts takes less: other things hold a machine up now and then, what is slow always is.

    For work that waits for nobody, `time.thread_time` counts what this thread was at work itself, `time.process_time`
    what all threads of the process were.
    """
    taken = []
    for _ in range(ATTEMPTS):
        with _no_collector():
            began = clock()
            action()
            taken.append(clock() - began)
        if taken[-1] < seconds:
            return
    raise AssertionError(f"It took {', '.join(f'{one:.3f}' for one in taken)} s, where less than {seconds} s is due.")


def wait_until(
    condition: Callable[[], object],
    *,
    seconds: float = PATIENCE_SECONDS,
    what: str = "the condition",
    pause: float = 0.02,
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(pause)


@contextmanager
def _no_collector() -> Iterator[None]:
    """The collector would walk through everything that the other tests have left."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
