"""Workers under a small manager: `python -m tests.chaos.worker`. What one has taken and not done when it dies, the
broker hands out again after five seconds instead of an hour.
"""

import argparse
from functools import partial
from pathlib import Path

from aim.celery import app
from tests.chaos.manager import Manager

VISIBILITY_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pids", type=Path, required=True)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    app.conf.broker_transport_options = {"visibility_timeout": VISIBILITY_SECONDS}
    # Models and tasks are loaded once for all that are forked.
    app.loader.import_default_modules()
    arguments = ["worker", "--pool", "threads", "-c", "4", "-l", "WARNING", "--without-gossip", "--without-mingle"]
    Manager(partial(app.worker_main, arguments), pids=options.pids, processes=options.processes).run()


if __name__ == "__main__":
    main()
