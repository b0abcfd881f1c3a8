"""The product as a subject: its database migrated, its organization and agents made, its web processes started."""

import subprocess
import sys
from pathlib import Path

from tests.bench.servers import BenchProblem, Stores, Subject, start_subject

_ROOT = Path(__file__).resolve().parent.parent.parent
RECORDS = "verification_verification"


def migrate(stores: Stores) -> None:
    """Make the product's tables."""
    run_command(stores, "manage.py", "migrate", "--verbosity", "0")


def populate(stores: Stores, *, count: int, file: Path, calls_per_hour: int = 10_000_000) -> None:
    """Make an organization with `count` verified agents that must sign, and write them to `file`."""
    run_command(
        stores,
        "-m",
        "tests.bench.population",
        *("--count", str(count), "--file", str(file), "--calls-per-hour", str(calls_per_hour)),
    )


def start_product(stores: Stores, *, name: str, processes: int) -> Subject:
    """Start web processes as `manage.py up` does, sharing their metrics in a folder."""
    metrics = stores.folder / f"{name.replace(' ', '-')}-metrics"
    metrics.mkdir(exist_ok=True)
    return start_subject(
        name,
        ["aim.runtime.serve"],
        stores=stores,
        table=RECORDS,
        count=processes,
        environment={"PROMETHEUS_MULTIPROC_DIR": str(metrics)},
    )


def run_command(stores: Stores, *arguments: str) -> None:
    """Run a program of the project to its end; its errors are ours."""
    finished = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, env=stores.environment(), check=False, timeout=1800
    )
    if finished.returncode != 0:
        raise BenchProblem(f"{' '.join(arguments[:3])} failed (its error stands above).")
