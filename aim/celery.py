"""The Celery application: `python -m celery -A aim worker`, `python -m celery -A aim beat`."""

import gc
import os
from typing import TYPE_CHECKING

from celery import Celery
from celery.signals import worker_init, worker_ready, worker_shutting_down

from aim.runtime.children import BACKGROUND
from aim.schedule import SCHEDULE

if TYPE_CHECKING:
    from aim.ledger.host import FollowerHost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")

app = Celery("aim")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()

_hosts: list["FollowerHost"] = []


@worker_init.connect
def let_decisions_go_first(**_signal: object) -> None:
    """Where processors are short, whoever waits for a decision comes before what can be taken in a moment later.

    Threads inherit it, so that it is set before there are any. A worker that `manage.py up` has started is so already.
    """
    already = os.nice(0) - os.getpriority(os.PRIO_PROCESS, os.getppid())
    os.nice(max(0, BACKGROUND.niceness - already))


def tune_garbage_collection() -> None:
    """What exists now lives as long as the process, and the entries that followers share are thousands of dictionaries
    without cycles: no need to walk all of them again for each few hundred new ones.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@worker_ready.connect
def follow_the_ledger(**_signal: object) -> None:
    """Every worker process is ready to sequence and to follow; they share it out among themselves."""
    # Models exist only once Django is set up.
    from aim.ledger.host import FollowerHost  # noqa: PLC0415

    tune_garbage_collection()
    host = FollowerHost()
    host.start()
    _hosts.append(host)


@worker_shutting_down.connect
def let_go_of_the_ledger(**_signal: object) -> None:
    while _hosts:
        _hosts.pop().stop()
