"""Web processes under a small manager: `python -m tests.chaos.web --fd N`.

Each process starts its own engine after the fork, as `aim.runtime.serve` does.
"""

import argparse
import socket
from functools import partial
from importlib import import_module
from pathlib import Path

from aim.runtime.serve import serve
from tests.chaos.manager import Manager


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--pids", type=Path, required=True)
    parser.add_argument("--arm", type=Path, required=True)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    # Sets Django up, in the manager already; nothing of the product may be imported before.
    import_module("aim.asgi")
    import_module("tests.chaos.kill_points").KillPoints(options.arm).install()
    work = partial(serve, socket.socket(fileno=options.fd), graceful_seconds=1)
    Manager(work, pids=options.pids, processes=options.processes).run()


if __name__ == "__main__":
    main()
