"""How fast a large ledger is audited and exported: `python -m tests.bench.audit --entries 200000`.

The entries are what the product writes for a decision, made by its own code and copied in; an installation of its own
holds them. Times are those of the commands as an operator runs them, with the start of Python; beside them stands the
processor time of the command without PostgreSQL's, which a busy machine does not change.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.chaos.installation import CHECKOUT, Installation

_FILL = """
from tests.bench.ledger_history import fill
fill({entries})
"""


def _processor() -> float:
    """Seconds that all children of this process have had so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    options = parser.parse_args()
    site, console = Installation(), Console(width=120)
    try:
        site.start(processes=1)
        site.stop_web()
        site.manage("shell", "--no-imports", "-c", _FILL.format(entries=options.entries))
        for what, arguments in (
            ("verify", ["ledger", "verify", "--json"]),
            ("export", ["ledger", "export", str(site.folder / "export"), "--json"]),
        ):
            began, before = time.monotonic(), _processor()
            said = json.loads(site.manage(*arguments))
            seconds, own = time.monotonic() - began, _processor() - before
            count = said["size"] if what == "verify" else said["entries"]
            console.print(
                f"{what:<22} {count:>9,} entries {seconds:>7.1f} s, {count / seconds:>7,.0f} a second;"
                f" processor {own:.1f} s, {count / own:,.0f} a second"
            )
            if what == "verify" and said["findings"]:
                sys.exit(f"It must find nothing: {said['findings'][:1]}")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        console.print(f"largest process of all of this: {memory:.0f} MB")
        began, before = time.monotonic(), _processor()
        folder = site.folder / "export"
        key = (folder / "keys").read_text().split("\n")[0]
        verifier = [sys.executable, str(Path(CHECKOUT) / "docs/verifier/aim_verify.py"), "export", str(folder)]
        subprocess.run([*verifier, "--key", key], check=True, capture_output=True)
        seconds, own = time.monotonic() - began, _processor() - before
        console.print(
            f"independent verifier   {count:>9,} entries {seconds:>7.1f} s; processor {own:.1f} s,"
            f" {count / own:,.0f} a second"
        )
    finally:
        site.stop()


if __name__ == "__main__":
    main()
