"""R6: the disk under PostgreSQL is full. Its data lie on a file system of 260 MB, and a file takes what is left."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.agents import Organization
from tests.chaos.client import decided
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome, judged

DISK_MIB = 260
FULL_SECONDS = 3.0
NORMAL_WITHIN = 60.0
_CHUNK = bytes(1 << 20)


def fill_disk(_site: Installation, *, tries: int) -> Outcome:
    """Full for some seconds under load: refused meanwhile, nothing approved without its record, normal afterwards.

    It breaks an installation of its own, whose data lie on the small file system.
    """
    outcome = Outcome("R6", f"the disk full for {FULL_SECONDS:g} s under load")
    with _small_installation() as site:
        organization = Organization(site)
        agents = [organization.agent() for _ in range(4)]
        with judged(site, outcome) as client, client.load(agents, connections=8, pause=0.02):
            for _ in range(tries):
                time.sleep(0.5)
                seen = len(client.answers)
                ballast = _fill(site.disk)
                time.sleep(FULL_SECONDS)
                refused = [answer for answer in client.answers[seen:] if answer.status == 503]
                outcome.expect(bool(refused), "I7: nobody was refused while the disk was full")
                ballast.unlink()
                freed = time.time()
                # Without room for its log PostgreSQL ends itself; whoever manages it starts it again, as `up` does.
                if site.postgres.child is not None and site.postgres.child.poll() is not None:
                    site.restart_postgres()
                outcome.recovered(
                    client.seconds_until(decided, since=freed, within=NORMAL_WITHIN), within=NORMAL_WITHIN
                )
                outcome.tries += 1
    return outcome


def cannot_mount() -> str | None:
    """Why this process cannot lay a file system of its own; None if it can."""
    may = os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
    return None if may else "only root can mount a small file system"


@contextmanager
def _small_installation() -> Iterator[Installation]:
    site = Installation(admins=1)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=711", "tmpfs", str(site.disk)], check=True)
    try:
        site.start(processes=2)
        yield site
    finally:
        # Unmounted while the folder is still there, and lazily, lest a last process of PostgreSQL be in the way.
        site.stop_servers()
        subprocess.run(["umount", "--lazy", str(site.disk)], check=True)
        site.stop()


def _fill(disk: Path) -> Path:
    """A file that takes every block that is left, and goes on doing so when PostgreSQL gives some back."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as stream:
        for size in (len(_CHUNK), 4096):
            try:
                while True:
                    stream.write(_CHUNK[:size])
            except OSError:
                continue
    return ballast
