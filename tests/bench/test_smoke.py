"""The bench itself works: it starts the product beside the floors, and each of them answers and records."""

import subprocess
import sys
from pathlib import Path

import msgspec

_ROOT = Path(__file__).resolve().parent.parent.parent


def test_each_subject_answers_and_records(tmp_path):
    result = tmp_path / "figures.json"
    finished = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--json", result],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    document = msgspec.json.decode(result.read_bytes())
    measured = {(row["subject"], row["connections"]) for row in document["figures"] if row["requests"] > 0}
    assert {("floor A", 1), ("floor B", 1), ("product", 1), ("product", 16), ("product x2", 16)} <= measured
    assert "decisions/s at 16, to floor A" in finished.stdout
