"""What a web process holds in memory after many decisions."""

from pathlib import Path

import msgspec

from tests.bench.rounds import Length, run_client
from tests.bench.servers import BenchProblem, Subject

_PART = Length(rounds=1, seconds=10, count=25_000)
MUST_BYTES, AIM_BYTES = 300_000_000, 200_000_000


class Memory(msgspec.Struct, frozen=True):
    """Resident bytes of the largest web process: at the start, half way, and after `decisions`."""

    decisions: int
    at_start: int
    half_way: int
    at_end: int

    @property
    def met(self) -> bool:
        return self.at_end < MUST_BYTES


def measure_memory(subject: Subject, *, agents: Path, decisions: int = 200_000, connections: int = 64) -> Memory:
    """Ask for `decisions` decisions in short runs; the size is read after each of them."""
    done = 0
    sizes = [(0, max(subject.resident_bytes()))]
    while done < decisions:
        length = Length(rounds=1, seconds=_PART.seconds, count=min(_PART.count, decisions - done))
        outcome = run_client(subject, connections=connections, length=length, agents=agents)
        if outcome.wrong or not outcome.answered:
            raise BenchProblem(f"{subject.name}: {outcome.wrong} wrong answers {outcome.statuses}: {outcome.sample}")
        done += outcome.answered
        sizes.append((done, max(subject.resident_bytes())))
    half_way = next(size for count, size in sizes if count >= done / 2)
    return Memory(decisions=done, at_start=sizes[0][1], half_way=half_way, at_end=sizes[-1][1])
