"""R14: a superuser of the database changes what was recorded. A suite of its own does it, on its own database."""

import os
import subprocess
import sys

from aim.runtime.environment import CHECKOUT
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome

SUITE = "tests/verification/test_tampering.py"


def tamper(_site: Installation, *, count: int) -> Outcome:
    """So many random changes, each by itself; the audit must find every one."""
    outcome = Outcome("R14", "the record changed by a superuser, at random", tries=count)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for name in ("DATABASE_URL", "REDIS_URL"):
        ours.pop(name, None)
    command = [sys.executable, "-m", "pytest", SUITE, "-n", "0", "-q", "--no-header", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, cwd=CHECKOUT, env={**ours, "AIM_TAMPERINGS": str(count)}, capture_output=True, text=True, check=False
    )
    lines = result.stdout.strip().splitlines()
    outcome.expect(result.returncode == 0, f"R14: {'; '.join(lines[-5:])}")
    return outcome
