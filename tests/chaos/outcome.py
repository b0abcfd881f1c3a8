"""What a fault came to, and the frame in which each is tried: a client, its journal, and the oracle at the end."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.client import Client
from tests.chaos.installation import Installation
from tests.chaos.journal import Answered, read_journal
from tests.chaos.oracle import judge

P99_MS = 500.0


@dataclass
class Outcome:
    """`recovery` is the slowest return to normal in seconds, `p99` in ms; None where the fault has none."""

    fault: str
    what: str
    tries: int = 0
    violations: list[str] = field(default_factory=list)
    recovery: float | None = None
    p99: float | None = None
    asked: int = 0
    notes: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)

    def measure(self, answers: Sequence[Answered], *, success: float = 1.0) -> None:
        """Those who should not notice: so many of them approved, and 99 % of them in time."""
        slow = percentile(answers, 0.99)
        self.p99 = max(self.p99 or 0.0, slow)
        self.expect(slow < P99_MS, f"p99 of the others was {slow:.0f} ms")
        wrong = [answer for answer in answers if answer.status != 200]
        enough = len(answers) > 0 and len(wrong) <= (1 - success) * len(answers)
        self.expect(enough, f"{len(wrong)} of {len(answers)} others were not approved, as {wrong[:1]}")

    def recovered(self, seconds: float, *, within: float) -> None:
        self.recovery = max(self.recovery or 0.0, seconds)
        self.expect(seconds <= within, f"I8: normal only after {seconds:.1f} s")


@contextmanager
def judged(site: Installation, outcome: Outcome) -> Iterator[Client]:
    """A client whose journal is judged when the block ends; what it finds is added to the outcome."""
    journal = site.folder / f"journal-{secrets.token_hex(6)}"
    client = Client(site.port, journal)
    try:
        yield client
    finally:
        client.close()
    asked, _ = read_journal(journal)
    outcome.asked += len(asked)
    with site.superuser() as connection:
        outcome.violations += judge(journal, connection)


def percentile(answers: Sequence[Answered], share: float) -> float:
    """The latency in ms that this share of the answers did not exceed."""
    ordered = sorted(answer.ms for answer in answers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
