"""Ratios and percentiles, which the verdicts rest on."""

import pytest

from tests.bench.client import percentile
from tests.bench.rounds import Cell, Figures, ratio_to
from tests.bench.targets import FLOOR_A, ONE, judge


def figures(cell, *, per_second=1000.0, p50=1.0, p99=2.0):
    return Figures(
        subject=cell.subject,
        connections=cell.connections,
        per_second=per_second,
        p50=p50,
        p95=p99,
        p99=p99,
        longest=p99,
        requests=100,
        worker_us=0,
        server_us=1,
        postgres_us=1,
        client_us=1,
        others=0,
        spread=[per_second],
    )


def verdicts(**product):
    cells = [(Cell(FLOOR_A, 16), {}), (Cell(ONE, 16), product)]
    return {verdict.target.text: verdict for verdict in judge({cell: [figures(cell, **more)] for cell, more in cells})}


@pytest.mark.parametrize(("per_second", "met", "aim"), [(599, False, False), (600, True, False), (900, True, True)])
def test_more_decisions_are_better(per_second, met, aim):
    verdict = verdicts(per_second=per_second)["decisions/s at 16, to floor A"]
    assert (verdict.met, verdict.reaches_aim) == (met, aim)


@pytest.mark.parametrize(("p99", "met", "aim"), [(6.1, False, False), (6.0, True, False), (4.0, True, True)])
def test_a_longer_tail_is_worse(p99, met, aim):
    verdict = verdicts(p99=p99)["p99 at 16, to floor A"]
    assert (verdict.met, verdict.reaches_aim) == (met, aim)


def test_rounds_are_compared_each_with_its_own_floor():
    base, cell = Cell(FLOOR_A, 16), Cell(ONE, 16)
    runs = {
        base: [figures(base, per_second=speed) for speed in (1000, 2000, 4000)],
        cell: [figures(cell, per_second=speed) for speed in (900, 1000, 3200)],
    }
    assert ratio_to(runs, cell, base, lambda row: row.per_second) == 0.8


def test_what_was_not_measured_gets_no_verdict():
    assert set(verdicts()) == {"decisions/s at 16, to floor A", "p99 at 16, to floor A"}


def test_nearest_rank():
    seconds = [number / 1000 for number in range(1, 101)]
    assert [percentile(seconds, share) for share in (0.01, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert percentile([0.001, 0.002, 0.003], 0.5) == 2
    assert percentile([], 0.5) == 0
