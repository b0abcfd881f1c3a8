"""From the record to the chain: each entry moves the score once, however often and in whatever pieces it is read."""

from types import SimpleNamespace

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Organization, Role
from agents.models import Agent, AgentRuntime, AgentStatus, TrustAccount, TrustEvent
from agents.services.trust import set_trust_baseline
from agents.trust_records import whole_chain_evidence
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from tests.factories.accounts import make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all, replay_all
from tests.verification.world import make_agent, make_organization
from verification.models import Verification
from verification.trust.bookkeeping import forget_progress, keep_books
from verification.trust.breakdown import trust_breakdown
from verification.trust.impact import impact_of


@pytest.fixture
def made():
    _, admin = make_organization()
    return make_agent(admin)


def entries_of(made):
    """The organization's entries as a follower gets them."""
    rows = Entry.objects.filter(organization_id=made.agent.organization_id).order_by("recorded_at", "id")
    return [SimpleNamespace(seq=seq, id=row.id, kind=row.kind, body=read_entry(row)) for seq, row in enumerate(rows, 1)]


@transaction.atomic
def follow(entries):
    keep_books(entries)


def chain_of(made):
    return list(
        TrustEvent.objects.filter(agent_id=made.agent.id)
        .order_by("number")
        .values_list("number", "cause", "delta", "score", "entry_id", "seq")
    )


def score_of(made):
    return AgentRuntime.objects.get(agent_id=made.agent.id).trust_score


def ask(made, count=1, **changes):
    return [made.ask_natively(made.body(**changes)) for _ in range(count)]


@pytest.mark.requirement("W4.9", "W4.7")
def test_decisions_move_the_score_and_the_next_decision_knows(made):
    ask(made, 3)
    ask(made, 2, action_type="file_delete")
    follow(entries_of(made))
    assert score_of(made) == 97
    assert [cause for _, cause, *_ in chain_of(made)] == ["verified", "capability_missing", "capability_missing"]
    assert ask(made)[0].status == 200


@pytest.mark.requirement("W4.9")
def test_the_same_entries_read_three_times_in_other_pieces_give_the_same_chain(made):
    ask(made, 2)
    ask(made, 3, action_type="file_delete")
    ask(made, 25)
    everything = entries_of(made)
    for entry in everything:
        follow([entry])
    chain, progress = chain_of(made), TrustAccount.objects.get(agent_id=made.agent.id).progress
    assert len(chain) == 5
    follow(everything)
    with transaction.atomic():
        forget_progress()
        keep_books(everything[:7])
        keep_books(everything[7:])
    again = [entry for entry in entries_of(made) if entry.seq > len(everything)]
    assert all(entry.kind == "agents.trust.changed" for entry in again) or not again
    assert chain_of(made) == chain
    assert TrustAccount.objects.get(agent_id=made.agent.id).progress == progress
    assert whole_chain_evidence(made.agent) is None


@pytest.mark.requirement("W4.9", "W2.6")
def test_an_agent_that_turns_bad_is_suspended_for_a_stated_reason(made):
    verification = ask(made, action_type="file_delete")[0].json()["verification_id"]
    path = f"/api/v1/verify/{verification}/complete"
    for _ in range(4):
        response = Client().post(
            path,
            {"status": "success", "duration_ms": 1},
            content_type="application/json",
            headers={"Authorization": f"Bearer {made.api_key}"},
        )
        assert response.status_code == 409
    follow(entries_of(made))
    agent = Agent.objects.get(id=made.agent.id)
    assert agent.status == AgentStatus.SUSPENDED
    assert "Trust score 38.50 is below 50" in agent.status_reason
    assert "Reported an action that was not approved (-15.00)" in agent.status_reason
    assert ask(made)[0].json()["code"] == "agent_suspended"


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("score", [100, 99])
def test_a_changed_row_denies_the_next_decision_and_is_then_found(made, score):
    ask(made, 1, action_type="file_delete")
    follow(entries_of(made))
    AgentRuntime.objects.filter(agent_id=made.agent.id).update(trust_score=score)
    denied = ask(made)[0]
    assert (denied.status, denied.json()["code"]) == (403, "check_failed")
    follow(entries_of(made))
    agent = Agent.objects.get(id=made.agent.id)
    assert agent.status_reason.startswith("Trust score manipulation detected: the score")
    assert ask(made)[0].status == 403
    # What is read again does not move it, and it stays as it is.
    ask(made, 3, action_type="file_delete")
    follow(entries_of(made))
    assert score_of(made) == score


def test_what_lies_before_a_new_baseline_no_longer_counts(made):
    ask(made, 5, action_type="file_delete")
    set_trust_baseline(made.admin, made.agent.id, reason="a bug of ours", score=90)
    follow(entries_of(made))
    assert score_of(made) == 90
    ask(made, 1, action_type="file_delete")
    follow(entries_of(made))
    assert score_of(made) == 88.5
    chain = chain_of(made)
    with transaction.atomic():
        forget_progress()
        keep_books(entries_of(made))
    assert chain_of(made) == chain


@pytest.mark.requirement("W4.9")
def test_the_score_is_explained(made):
    ask(made, 2)
    ask(made, 2, action_type="file_delete")
    ask(made, 1, resource="/etc/passwd")
    ask(made, 3)
    follow(entries_of(made))
    organization = Organization.objects.get(id=made.agent.organization_id)
    viewer = make_person(organization, Role.VIEWER)
    shown = Api(viewer.token).get(f"/agents/{made.agent.public_id}/trust").json()
    assert (shown["score"], shown["min_trust"], shown["auto_suspend_below"]) == (95, 70, 50)
    costs = {factor["code"]: (factor["times"], factor["points"]) for factor in shown["factors"] if factor["times"]}
    assert costs == {"capability_missing": (2, -3), "out_of_scope": (1, -2)}
    assert shown["events"][0]["reason"] == "Asked for a resource or a person outside its scope"
    assert shown["restores"].startswith("1 point after 17 more approved actions")
    assert shown["saved"] == 0.5


def test_what_restores_a_score_depends_on_where_it_stands(made):
    follow(entries_of(made))
    assert trust_breakdown(made.agent).restores == "Nothing is missing."
    set_trust_baseline(made.admin, made.agent.id, reason="x", score=60)
    made.agent.runtime.refresh_from_db()
    assert "an admin sets the score anew" in trust_breakdown(made.agent).restores


@pytest.mark.requirement("W4.9")
def test_the_follower_moves_the_score_and_a_replay_changes_nothing(made):
    ask(made, 2, action_type="file_delete")
    ask(made, 5)
    follow_all("trust")
    assert score_of(made) == 97
    chain, progress = chain_of(made), TrustAccount.objects.get(agent_id=made.agent.id).progress
    replay_all("trust")
    assert chain_of(made) == chain
    assert TrustAccount.objects.get(agent_id=made.agent.id).progress == progress


@pytest.mark.requirement("W4.5", "W4.9")
def test_a_decision_tells_what_it_did_to_the_trust_of_its_agent(made):
    page = signed_in_browser(make_person(Organization.objects.get(id=made.agent.organization_id), Role.VIEWER))

    def newest():
        decision = Verification.objects.filter(agent_id=made.agent.id).latest("id")
        return impact_of(decision), page.get(f"/dashboard/verifications/{decision.public_id}").content.decode()

    ask(made)
    impact, html = newest()
    assert impact is None
    assert "Trust score impact" not in html
    follow_all("trust")
    impact, html = newest()
    assert (impact.delta, impact.score) == (0, None)
    assert "No change (100 %)" in html
    ask(made, action_type="file_delete")
    follow_all("trust")
    impact, html = newest()
    *_, (_, _, delta, score, *_) = chain_of(made)
    assert (impact.delta, impact.score) == (delta, score)
    assert impact.delta < 0
    assert f"{impact.change} (" in html
    assert impact.change.startswith("−")
