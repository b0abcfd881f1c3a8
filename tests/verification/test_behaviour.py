"""What is usual for an agent is learned, and what is not usual is told from it, with a reason."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.resources.resource import normalize_resource
from tests.bench.behaviour import Ours, compare, judge_microseconds
from tests.bench.traces import KINDS, Request, normal, trace
from verification.behaviour.learning import take_in
from verification.behaviour.live import AnomalyRules, Behaviour
from verification.behaviour.profile import GROWN, YOUNG, Profile, begin_anew, learn
from verification.behaviour.scoring import judge
from verification.behaviour.traits import hour_of_week, traits_of

MONDAY = 1_790_553_600


def traits(action="file_read", resource="/app/config/config.json", destination=None, volume=2000):
    return traits_of(action, None, normalize_resource(resource), destination, volume)


def grown(*, days=30, each_day=40, **fields) -> Behaviour:
    """An agent that has done the same from nine to five, on weekdays."""
    profile = Profile()
    for day in range(days):
        if day % 7 > 4:
            continue
        for number in range(each_day):
            at = MONDAY + day * 86_400 + 9 * 3600 + number * 28_800 / each_day
            take_in(profile, traits(**fields), at=at, hour=hour_of_week("UTC", at))
    return Behaviour(AnomalyRules("UTC", 80, "deny"), profile)


WEDNESDAY = MONDAY + 30 * 86_400 + 11 * 3600


@pytest.mark.requirement("W4.8")
def test_what_is_usual_scores_nothing():
    assert grown().judge(traits(), WEDNESDAY).score <= 12


@pytest.mark.requirement("W4.8")
@pytest.mark.parametrize(
    ("unusual", "name"),
    [
        ({"action": "file_delete"}, "new action"),
        ({"resource": "/app/secrets/keys.pem"}, "unusual resource"),
        ({"destination": "drop.attacker.example"}, "new destination"),
        ({"volume": 2000 * 500}, "large volume"),
    ],
)
def test_each_difference_has_its_name_and_points(unusual, name):
    found = grown().judge(traits(**unusual), WEDNESDAY)
    points = {part.name: part.points for part in found.parts}
    assert points[name] >= 20
    assert found.explain().startswith(f"{found.score} %: {name} ")


@pytest.mark.requirement("W4.8")
def test_an_unusual_hour_counts_in_the_organizations_zone():
    night = MONDAY + 30 * 86_400 + 3 * 3600
    behaviour = grown()
    assert [part.name for part in behaviour.judge(traits(), night).parts] == ["unusual hour"]
    assert behaviour.judge(traits(), night + 8 * 3600).score == 0
    # Eight hours further west the same moment is in the evening before.
    assert hour_of_week("America/Los_Angeles", night) == (hour_of_week("UTC", night) - 7) % 168
    assert hour_of_week("Europe/Berlin", MONDAY) == 2
    assert hour_of_week("Europe/Berlin", MONDAY + 90 * 86_400) == (90 * 24 + 1) % 168


@pytest.mark.requirement("W4.8")
def test_a_sudden_rate_counts():
    behaviour = grown()
    scores = [behaviour.judge(traits(), WEDNESDAY + number / 10).score for number in range(200)]
    assert scores[0] == 0
    assert scores[-1] >= 40


@pytest.mark.requirement("W4.8")
def test_exfiltration_reaches_the_threshold_and_says_why():
    found = grown().judge(traits(destination="drop.attacker.example", volume=2_000_000), WEDNESDAY)
    assert found.score == 100
    assert {part.name for part in found.parts} >= {"new destination", "large volume"}


@pytest.mark.requirement("W4.8")
def test_nothing_is_unusual_for_a_young_agent():
    behaviour = Behaviour(AnomalyRules("UTC", 80, "deny"), Profile())
    strange = traits("file_delete", "/app/secrets/x", "drop.attacker.example", 10**9)
    for number in range(YOUNG):
        assert behaviour.judge(strange, WEDNESDAY).score == 0
        take_in(behaviour.profile, traits(), at=WEDNESDAY + number, hour=100)
    low = behaviour.judge(strange, WEDNESDAY).score
    for number in range(GROWN):
        take_in(behaviour.profile, traits(), at=WEDNESDAY + 600 + number, hour=100)
    assert low < 20 < behaviour.judge(strange, WEDNESDAY + 7200).score


def test_a_changed_agent_is_given_time():
    behaviour = grown()
    strange = traits(destination="new.partner.example", volume=10**8)
    assert behaviour.judge(strange, WEDNESDAY).score >= 80
    begin_anew(behaviour.profile)
    assert behaviour.judge(strange, WEDNESDAY).score == 0


def test_asking_for_something_again_and_again_does_not_make_it_usual():
    behaviour = grown()
    strange = traits(destination="drop.attacker.example")
    for number in range(20):
        assert behaviour.judge(strange, WEDNESDAY + number * 30).score >= 50
        take_in(behaviour.profile, strange, at=WEDNESDAY + number * 30, hour=hour_of_week("UTC", WEDNESDAY))


def test_what_is_done_every_day_becomes_usual():
    behaviour = grown()
    partner = traits(destination="new.partner.example")
    for day in range(14):
        at = WEDNESDAY + day * 86_400
        take_in(behaviour.profile, partner, at=at, hour=hour_of_week("UTC", at))
    assert "new destination" not in behaviour.judge(partner, WEDNESDAY + 14 * 86_400).explain()


def test_a_profile_holds_no_names():
    text = msgspec.json.encode(grown(resource="/home/jane.doe/letter.txt", destination="jane.example").profile).decode()
    assert "jane" not in text
    assert "file_read" in text


def test_numbers_in_resources_count_as_the_same():
    def steps(resource):
        return traits(resource=resource).steps

    assert steps("crm:accounts/17") == steps("crm:accounts/4711")
    assert steps("/x/0193b2f3c5e87c10/a") == steps("/x/0193b2f3c5e87c11/a")
    assert steps("crm:accounts/17") != steps("crm:tickets/17")


numbers = st.integers(0, 10**6)
requests = st.builds(
    lambda action, way, host, volume, at: (
        traits(action, "/" + "/".join(way), host, volume),
        float(MONDAY + at),
    ),
    st.sampled_from([f"action_{number}" for number in range(60)]),
    st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=9),
    st.none() | st.text("abcdef", min_size=1, max_size=4).map(lambda name: f"{name}.example"),
    st.integers(0, 10**12),
    st.integers(0, 10**7),
)


@pytest.mark.requirement("W4.8")
@settings(deadline=None, max_examples=60)
@given(st.lists(requests, min_size=1, max_size=150), st.integers(0, 150))
def test_any_history_gives_a_bounded_profile_and_score_and_the_same_in_pieces(seen, cut):
    whole, pieces = Profile(), Profile()
    for index, (each, at) in enumerate(seen):
        take_in(whole, each, at=at, hour=hour_of_week("UTC", at))
        take_in(pieces, each, at=at, hour=hour_of_week("UTC", at))
        if index == cut:
            pieces = msgspec.convert(msgspec.json.decode(msgspec.json.encode(pieces)), Profile)
    assert msgspec.json.encode(whole) == msgspec.json.encode(pieces)
    assert len(msgspec.json.encode(whole)) < 12_000
    last, at = seen[-1]
    whole.fresh = GROWN
    found = judge(whole, last, hour_points=40, in_minute=1000, streak=100)
    assert 0 <= found.score <= 100
    assert all(part.points > 0 for part in found.parts)


def test_old_habits_weigh_less_than_new_ones():
    profile = Profile()
    for number in range(300):
        learn(profile, traits("old_action"), at=MONDAY + number, hour=0, weight=1.0)
    for number in range(300):
        learn(profile, traits("new_action"), at=MONDAY + 90 * 86_400 + number, hour=0, weight=1.0)
    assert profile.actions["new_action"].weight > 8 * profile.actions["old_action"].weight
    for year in range(1, 20):
        learn(profile, traits("new_action"), at=MONDAY + year * 365 * 86_400, hour=0, weight=1.0)
    assert profile.unit < 1025
    assert all(average.weight >= 0 for average in profile.actions.values())


@pytest.mark.requirement("W4.8")
def test_planted_attacks_are_found_and_normal_weeks_are_left_alone():
    result = compare(1, (0.001,), names=("AIM",))["AIM"]
    fixed, calibrated = result["fixed"], result["outcomes"][0.001]
    assert fixed.flagged / fixed.normal <= 0.0005
    assert sum(fixed.found.values()) / sum(fixed.planted.values()) >= 0.6
    assert sum(calibrated.found.values()) / sum(calibrated.planted.values()) >= 0.8
    assert fixed.found["exfiltration"] >= 0.7 * fixed.planted["exfiltration"]
    assert result["size"] < 10_000


def test_a_profile_follows_a_change_that_is_approved():
    kind = KINDS[4]
    detector = Ours()
    training, _ = trace(kind, 7)
    detector.train(training)
    moved = [
        Request(request.at, request.action, request.resource, "orders.new.example", request.volume)
        for request in normal(kind, Random(1), days=7, first_day=28)
    ]
    first = detector.behaviour.judge(detector.traits(moved[0]), moved[0].at).score
    for request in moved:
        detector.learn(request)
    last = detector.behaviour.judge(detector.traits(moved[-1]), moved[-1].at + 3600).score
    assert first >= 60
    assert last < 40


def test_a_score_costs_microseconds():
    assert judge_microseconds() < 40
