"""Many jobs at once, in lanes: what hangs is in nobody's way, and nothing is done by two."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from aim.rounds import Rounds
from mcp.pacing import next_verification_at
from tests.factories.timing import wait_until

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Work:
    """Jobs of a test: by lane, with how long each takes; `None` hangs until the test lets go."""

    def __init__(self, lanes, jobs):
        self.waiting = {lane: list(jobs.get(lane, [])) for lane in lanes}
        self.kept = []
        self.let_go = threading.Event()
        self.most = dict.fromkeys(lanes, 0)
        self._busy = dict.fromkeys(lanes, 0)
        self._lock = threading.Lock()
        self.rounds = Rounds("test", lanes=lanes, claim=self.claim, work=self.work, keep=self.kept.extend)

    def claim(self, room):
        claimed = []
        for lane, free in room.items():
            taken, self.waiting[lane] = self.waiting[lane][:free], self.waiting[lane][free:]
            claimed += [(lane, (lane, name, seconds)) for name, seconds in taken]
        return claimed

    def work(self, job):
        lane, name, seconds = job
        with self._lock:
            self._busy[lane] += 1
            self.most[lane] = max(self.most[lane], self._busy[lane])
        if seconds is None:
            self.let_go.wait(30)
        else:
            time.sleep(seconds)
        with self._lock:
            self._busy[lane] -= 1
        if name == "broken":
            raise RuntimeError
        return name


def test_everything_is_done_once_and_never_more_at_once_than_its_lane_has_room_for():
    work = Work({"usual": 4, "failing": 2}, {"usual": [(n, 0.01) for n in range(40)], "failing": [("f", 0)] * 6})
    work.rounds.run()
    assert sorted(work.kept, key=str) == sorted([*range(40), *["f"] * 6], key=str)
    assert work.most["usual"] <= 4
    assert work.most["failing"] <= 2


def test_what_hangs_delays_its_own_lane_alone():
    work = Work({"usual": 2, "failing": 2}, {"usual": [(n, 0) for n in range(20)], "failing": [("hangs", None)] * 5})
    assert work.rounds.wake()
    wait_until(lambda: len(work.kept) >= 20)
    assert sorted(work.kept) == list(range(20))
    # A second turn of beat finds the first at it.
    assert not work.rounds.wake()
    work.let_go.set()
    wait_until(lambda: len(work.kept) >= 25)
    assert work.kept.count("hangs") == 5


def test_a_job_that_breaks_gives_its_place_back():
    work = Work({"usual": 1}, {"usual": [("broken", 0), ("broken", 0), ("good", 0)]})
    work.rounds.run()
    assert work.kept == ["good"]


@pytest.mark.requirement("W6.7")
def test_the_next_verification_is_a_little_early_and_soon_after_a_failure():
    for _ in range(50):
        ahead = next_verification_at(NOW, reverify_hours=24, failures=0) - NOW
        assert timedelta(hours=22, minutes=48) <= ahead <= timedelta(hours=24)
    retries = [next_verification_at(NOW, reverify_hours=24, failures=n) - NOW for n in (1, 2, 3, 4, 5, 99)]
    assert retries == [timedelta(minutes=m) for m in (5, 10, 20, 40, 60, 60)]
