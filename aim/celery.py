"""The Celery application: `python -m celery -A aim worker`, `python -m celery -A aim beat`."""

import os
from typing import TYPE_CHECKING

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from aim.schedule import SCHEDULE

if TYPE_CHECKING:
    from aim.ledger.host import FollowerHost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")

app = Celery("aim")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()

_hosts: list["FollowerHost"] = []


@worker_ready.connect
def follow_the_ledger(**_signal: object) -> None:
    """Every worker process is ready to sequence and to follow; they share it out among themselves."""
    # Models exist only once Django is set up.
    from aim.ledger.host import FollowerHost  # noqa: PLC0415

    host = FollowerHost()
    host.start()
    _hosts.append(host)


@worker_shutting_down.connect
def let_go_of_the_ledger(**_signal: object) -> None:
    while _hosts:
        _hosts.pop().stop()
