from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from aim.console.charts import Bucket, Latency, Trust, latency_chart, nice_top, sparkline, trust_chart, volume_chart
from aim.console.comb import Check, Outcome, comb, outcome_of, waterfall

START = datetime(2026, 11, 23, tzinfo=UTC)


def bucket(index, approved, denied=0, waiting=0):
    return Bucket(START + timedelta(minutes=30 * index), approved, denied, waiting)


def test_a_few_denials_are_never_too_small_to_be_seen():
    chart = volume_chart([bucket(0, 100_000, 1), bucket(1, 100_000, 5000)])
    heights = [bar.height for bar in chart.bars if bar.kind == "denied"]
    assert heights[0] == 1.5
    assert heights[1] > 20


def test_nothing_is_drawn_where_nothing_happened():
    chart = volume_chart([bucket(0, 0), bucket(1, 10)])
    assert [bar.kind for bar in chart.bars] == ["approved"]
    assert volume_chart([]).bars == []
    assert latency_chart([]).lines == []
    assert trust_chart([], minimum=70, suspend=50, until=START).lines == []
    assert sparkline([0, 0]) == ""
    assert sparkline([]) == ""


def test_the_table_says_the_same_as_the_picture():
    chart = volume_chart([bucket(0, 1200, 3, 1)], url=lambda b: f"?since={b.start:%H}")
    assert chart.rows == [["23 Nov 00:00", "1,200", "3", "1"]]
    assert len(chart.rows[0]) == len(chart.heads)
    assert chart.columns[0].url == "?since=00"


def test_latency_leaves_gaps_where_nothing_was_decided_and_words_do_not_collide():
    points = [Latency(START, 2, 2.1, 2.2), Latency(START + timedelta(hours=1), None, None, None)]
    chart = latency_chart(points)
    assert [line.name for line in chart.lines] == ["p99", "p95", "p50"]
    places = [line.y for line in chart.lines]
    assert all(later - earlier >= 13 for earlier, later in pairwise(places))
    assert chart.rows[1][1:] == ["–", "–", "–"]


def test_trust_stays_until_it_is_moved():
    points = [Trust(START, 100, "Verified"), Trust(START + timedelta(days=5), 60, "Anomaly")]
    chart = trust_chart(points, minimum=70, suspend=50, until=START + timedelta(days=10))
    path = chart.lines[0].path
    assert path.startswith("M0 8L50 8L50 ")
    assert [line.name for line in chart.grid] == ["", "needs", "suspends", ""]


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (3, 5), (99, 100), (101, 200), (48_170, 50_000)])
def test_scales_end_at_round_figures(most, top):
    assert nice_top(most) == top


def test_the_comb_says_in_words_what_it_shows():
    found = comb([("agent_status", "passed"), ("capability", "failed"), ("policy", "needs_approval"), ("scope", "")])
    assert found.sentence == "1 of 4 checks passed, capability failed, policy asks a person"
    assert [bar.height for bar in found.bars] == [10, 16, 16, 3]
    assert comb([]).sentence == "No checks on record"


@pytest.mark.parametrize("text", ["", None, "skipped", "PASSED", 1])
def test_what_is_not_known_never_looks_passed(text):
    assert outcome_of(text) is Outcome.NOT_RUN


def test_every_lane_of_the_waterfall_stays_within_it():
    lanes = waterfall(
        [Check("a", Outcome.PASSED, "", 0.001), Check("b", Outcome.FAILED, "", 900), Check("c", Outcome.NOT_RUN)]
    )
    assert [lane.took for lane in lanes] == ["0.0 µs", "900.0 µs", "–"]
    assert all(lane.x + lane.width <= 200 for lane in lanes)
    assert lanes[0].width == 2
