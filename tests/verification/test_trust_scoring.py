"""How what is on record moves a score: by the table of factors, the same however it is read."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.ledger.events import Event
from verification.codes import Code
from verification.trust.factors import FACTORS, FULL
from verification.trust.scoring import Progress, advance, observe

AGENT = uuid4()
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def decision(code="", *, signature="passed", at=START, min_trust=70):
    status = {"": "approved", "approval_required": "pending"}.get(code, "denied")
    return {
        "kind": Event.VERIFICATION_DECIDED.value,
        "at": at.isoformat(),
        "actor": {"id": AGENT.hex},
        "data": {
            "decision": {"status": status, "code": code},
            "agent": {"min_trust": min_trust},
            "checks": [{"name": "signature", "result": signature}],
        },
    }


def report(status="success", refusal=None, *, proved=True, at=START):
    data = {"report": {"status": status}, "proved": proved} | ({"refusal": refusal} if refusal else {})
    kind = Event.VERIFICATION_COMPLETION_REFUSED if refusal else Event.VERIFICATION_COMPLETED
    return {"kind": kind.value, "at": at.isoformat(), "actor": {"id": AGENT.hex}, "data": data}


def verified(at=START):
    data = {"trust_score": 100}
    return {"kind": Event.AGENT_VERIFIED.value, "at": at.isoformat(), "subject": {"id": AGENT.hex}, "data": data}


def moves_of(bodies, progress=None):
    progress = Progress() if progress is None else progress
    found = []
    for body in bodies:
        seen = observe(body)
        move = None if seen is None else advance(progress, seen, entry="e")
        if move is not None:
            found.append((move.cause, move.delta))
    return found, progress


def score_after(*bodies):
    return moves_of([verified(), *bodies])[1].score / 100


@pytest.mark.requirement("W4.9", "W4.7")
def test_normal_behaviour_keeps_the_score():
    assert score_after(*[decision(), report()] * 50) == 100


@pytest.mark.requirement("W4.9")
def test_one_refusal_in_ten_costs_nothing_once_it_is_earned():
    assert score_after(decision("capability_missing")) == 98.5
    assert score_after(*[decision()] * 10, decision("capability_missing")) == 100
    assert score_after(*[decision()] * 100, *[decision("out_of_scope")] * 4) == 98


@pytest.mark.requirement("W4.9")
@pytest.mark.parametrize("factor", [factor for factor in FACTORS.factor if factor.kind == "threat"])
def test_threats_cost_in_full_whatever_was_earned(factor):
    body = report(refusal=factor.code.removeprefix("report_")) if "report_" in factor.code else decision(factor.code)
    assert score_after(*[decision()] * 100, body) == 100 - factor.cost


def test_mistakes_alone_cost_at_most_so_much_an_hour():
    assert score_after(*[decision("policy_denied")] * 1000) == 100 - FACTORS.ordinary.most_an_hour
    later = START + timedelta(hours=1)
    bodies = [*[decision("policy_denied")] * 1000, *[decision("policy_denied", at=later)] * 1000]
    assert score_after(*bodies) == 100 - 2 * FACTORS.ordinary.most_an_hour


@pytest.mark.requirement("W4.9")
def test_a_score_is_restored_slowly_and_never_at_once():
    threats = [decision("blocked")] * 4
    assert score_after(*threats, *[decision()] * 19) == 80
    assert score_after(*threats, *[decision()] * 20) == 81
    # However many harmless actions an attacker performs, an hour gives no more than this.
    assert score_after(*threats, *[decision()] * 100_000) == 80 + FACTORS.restoring.most_an_hour
    later = [decision(at=START + timedelta(hours=hour)) for hour in range(24) for _ in range(200)]
    assert score_after(*threats, *later) == 100


@pytest.mark.requirement("E9", "W4.9")
@pytest.mark.parametrize(
    "attack",
    [
        decision("signature_invalid", signature="failed"),
        decision("signature_missing", signature="failed"),
        decision("ip_not_allowed", signature="not_run"),
        report(refusal="not_approved", proved=False),
        report(refusal="digest_mismatch", proved=False),
        report(status="failure", proved=False),
    ],
)
def test_a_stolen_api_key_alone_does_not_bring_a_signing_agent_down(attack):
    bodies = [decision("signature_missing", signature="failed", min_trust=95)]
    for hour in range(24 * 5):
        bodies += [attack | {"at": (START + timedelta(hours=hour)).isoformat()}] * 20
    _, progress = moves_of([verified(), *bodies])
    assert progress.score >= 70 * 100
    one_day = [attack] * 1000
    assert score_after(decision("signature_missing", signature="failed"), *one_day) >= 90


@pytest.mark.requirement("E2")
@pytest.mark.parametrize(
    "code",
    [
        Code.RATE_LIMITED,
        Code.AGENT_SUSPENDED,
        Code.AGENT_NOT_VERIFIED,
        Code.TRUST_TOO_LOW,
        Code.CHECK_FAILED,
        Code.SIGNATURE_EXPIRED,
        "approval_required",
    ],
)
def test_what_is_no_misbehaviour_costs_nothing(code):
    assert score_after(*[decision(str(code), signature="failed")] * 500) == 100


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("body", [report(), report(refusal="already_completed"), decision("rate_limited")])
def test_nothing_but_approved_actions_restores_a_score(body):
    assert score_after(decision("blocked"), *[body] * 500) == 95


def test_a_replay_is_proved_by_its_signature():
    assert score_after(decision("replayed", signature="failed")) == 95


def test_what_came_before_the_verification_does_not_count():
    found, progress = moves_of([decision("blocked"), report(refusal="not_approved")])
    assert (found, progress.score) == ([], None)


def test_nothing_moves_a_frozen_score_until_it_is_set_anew():
    tampered = {
        "kind": Event.TRUST_TAMPERED.value,
        "at": START.isoformat(),
        "subject": {"id": AGENT.hex},
        "data": {"problem": "…"},
    }
    baseline = {
        "kind": Event.TRUST_BASELINE_SET.value,
        "at": START.isoformat(),
        "subject": {"id": AGENT.hex},
        "data": {"score": "60.50"},
    }
    assert score_after(decision("blocked"), tampered, *[decision("blocked")] * 5) == 95
    assert score_after(decision("blocked"), tampered, decision("blocked"), baseline, decision("anomaly")) == 56.5


codes = [*(str(code) for code in Code), "", "", "", "", ""]
entries = st.one_of(
    st.builds(
        decision,
        st.sampled_from(codes),
        signature=st.sampled_from(["passed", "failed", "not_run"]),
        at=st.integers(0, 300_000).map(lambda seconds: START + timedelta(seconds=seconds)),
        min_trust=st.integers(0, 100),
    ),
    st.builds(
        report,
        st.sampled_from(["success", "failure"]),
        st.sampled_from([None, None, "not_approved", "expired", "digest_mismatch", "already_completed"]),
        proved=st.booleans(),
    ),
)


@pytest.mark.requirement("W4.9")
@settings(deadline=None, max_examples=150)
@given(st.lists(entries, max_size=120), st.integers(0, 120))
def test_any_history_stays_within_bounds_and_is_read_the_same_in_pieces(bodies, cut):
    found, progress = moves_of([verified(), *bodies])
    assert 0 <= progress.score <= FULL
    assert FULL + sum(delta for _, delta in found) == progress.score
    first, half = moves_of([verified(), *bodies[:cut]])
    # What lies between two batches is stored as JSON.
    stored = msgspec.convert(msgspec.json.decode(msgspec.json.encode(half)), Progress)
    second, whole = moves_of(bodies[cut:], stored)
    assert first + second == found
    assert whole == progress


def test_every_factor_is_a_code_that_exists():
    known = {str(code) for code in Code}
    for factor in FACTORS.factor:
        assert factor.code in known or factor.code.startswith("report_")
        assert 0 < factor.cost <= 20
    assert len({factor.code for factor in FACTORS.factor}) == len(FACTORS.factor)
