"""The tabs of an agent's page: trust and behaviour explained from the record, and manipulation shown where it is."""

import json
import re
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse

from accounts.models import Role
from agents.models import AgentRuntime, TrustAccount, TrustEvent
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import recorded
from tests.verification.world import make_agent
from verification.behaviour.learning import learn_from
from verification.behaviour.scores import Part, last_scores, read_score
from verification.behaviour.scoring import Judgement
from verification.behaviour.scoring import Part as Points
from verification.trust.bookkeeping import keep_books


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def made(admin):
    return make_agent(admin.actor)


def entries_of(made):
    rows = Entry.objects.filter(organization_id=made.agent.organization_id).order_by("recorded_at", "id")
    return [
        SimpleNamespace(seq=seq, id=row.id, kind=row.kind, organization_id=row.organization_id, body=read_entry(row))
        for seq, row in enumerate(rows, 1)
    ]


@transaction.atomic
def keep(made):
    keep_books(entries_of(made))


def learn(made, times):
    decided = [entry for entry in entries_of(made) if entry.kind == Event.VERIFICATION_DECIDED]
    learn_from(decided[:1] * times)


def page(person, made, tab, **query):
    browser = signed_in_browser(person)
    response = browser.get(reverse("agents:agent-detail", args=[made.agent.public_id]), {"tab": tab, **query})
    assert response.status_code == 200
    return response.content.decode()


def tamper(made, **values):
    """As somebody would who owns the tables and knows the triggers."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_trustevent DISABLE TRIGGER USER")
        TrustEvent.objects.filter(agent_id=made.agent.id, number=1).update(**values)
        cursor.execute("ALTER TABLE agents_trustevent ENABLE TRIGGER USER")


@pytest.mark.requirement("W4.9", "W2.11")
def test_trust_is_explained_step_by_step_with_a_link_to_the_decision(admin, made):
    for _ in range(2):
        denied = made.ask_natively(made.body(action_type="file_delete"))
    keep(made)
    shown = page(admin, made, "trust")
    assert "Asked for an action that it has no capability for" in shown
    assert reverse("verification:verification-detail", args=[denied.json()["verification_id"]]) in shown
    assert "3 signed steps, the chain holds" in shown
    assert "−1.5" in shown
    assert "1 point after 20 more approved actions" in shown
    assert "As a table" in shown
    step = TrustEvent.objects.filter(agent_id=made.agent.id).latest("number")
    assert show_id(IdKind.ENTRY, step.entry_id) in shown
    assert bytes(step.signature).hex()[:12] in shown


@pytest.mark.requirement("W4.9")
def test_the_history_is_paged_and_its_pages_are_whole(admin, made):
    for _ in range(30):
        made.ask_natively(made.body(action_type="file_delete"))
    keep(made)
    total = TrustEvent.objects.filter(agent_id=made.agent.id).count()
    assert total > 10
    first = page(admin, made, "trust")
    assert f"of {total}" in first or total <= 25
    broken = page(admin, made, "trust", after="nonsense")
    assert "signed steps, the chain holds" in broken


@pytest.mark.requirement("E9")
def test_a_chain_that_does_not_hold_is_shown_loudly_and_frozen_by_the_button(admin, made):
    viewer = make_person(admin.organization, Role.VIEWER)
    tamper(made, reason="nothing happened")
    shown = page(viewer, made, "trust")
    assert "The signed chain of this trust does not hold" in shown
    assert "the chain holds" not in shown
    assert "Freeze it now" not in shown
    assert "Freeze it now" in page(admin, made, "trust")
    examine = reverse("agents:agent-trust-examine", args=[made.agent.public_id])
    assert signed_in_browser(viewer).post(examine).status_code == 403
    browser = signed_in_browser(admin)
    with recorded(admin.organization.id, Event.TRUST_TAMPERED, Event.AGENT_SUSPENDED):
        browser.post(examine)
    assert TrustAccount.objects.get(agent=made.agent).frozen_at is not None
    assert "The score is frozen" in page(viewer, made, "trust")


@pytest.mark.requirement("E9")
def test_an_admin_sets_the_score_anew_with_a_reason(admin, made):
    manager = make_person(admin.organization, Role.MANAGER)
    address = reverse("agents:agent-trust-set", args=[made.agent.public_id])
    assert signed_in_browser(manager).get(address).status_code == 403
    browser = signed_in_browser(admin)
    assert browser.post(address, {"score": "80", "reason": ""}).status_code == 422
    assert browser.post(address, {"score": "101", "reason": "why"}).status_code == 422
    with recorded(admin.organization.id, Event.TRUST_BASELINE_SET):
        browser.post(address, {"score": "80", "reason": "Looked into it"})
    assert AgentRuntime.objects.get(agent_id=made.agent.id).trust_score == 80
    shown = page(admin, made, "trust")
    assert "Looked into it" in shown
    assert "Set by an admin" in shown


@pytest.mark.requirement("R.1")
def test_another_organizations_agent_is_unknown(made):
    stranger = signed_in_browser(make_person(make_organization()))
    for name in ("agent-trust-set", "agent-trust-examine"):
        assert stranger.post(reverse(f"agents:{name}", args=[made.agent.public_id])).status_code == 404


@pytest.mark.requirement("W4.9")
def test_an_agent_that_was_never_verified_has_no_trust_yet(admin):
    pending = make_agent(admin.actor, verified=False)
    shown = page(admin, pending, "trust")
    assert "No trust yet" in shown
    assert "does not hold" not in shown


@pytest.mark.requirement("W4.8", "W2.11")
def test_behaviour_says_what_is_usual_and_since_when_it_counts(admin, made):
    assert "Not enough traffic yet" in page(admin, made, "behaviour")
    made.ask_natively(made.body(data={"bytes": 2000}))
    learn(made, 20)
    shown = page(admin, made, "behaviour")
    assert "Not enough traffic yet: with 20 approved actions nothing is unusual" in shown
    assert "file_read" in shown
    assert "2 kB" in shown
    learn(made, 105)
    assert "Deviations count 50.0 % of their points" in page(admin, made, "behaviour")
    learn(made, 300)
    shown = page(admin, made, "behaviour")
    assert "Enough is known" in shown
    assert len(re.findall(r'class="heat"', shown)) == 1
    assert "From 80 % on a person is asked" in shown


@pytest.mark.requirement("W4.8")
def test_the_scores_of_the_last_decisions_are_read_back_with_their_parts(admin, made):
    reply = made.ask_natively(made.body())
    [score] = last_scores(admin.actor, made.agent.id)
    assert (score.verification.public_id, score.percent, score.parts) == (reply.json()["verification_id"], 0, ())
    stranger = make_person(make_organization())
    assert last_scores(stranger.actor, made.agent.id) == []
    assert "Nothing unusual among them." in page(admin, made, "behaviour")


@pytest.mark.requirement("W4.8")
def test_what_the_check_writes_is_read_back_as_it_was():
    judged = Judgement(
        93, 93.0, (Points("new destination", 45.2), Points("large volume", 37.6), Points("new action", 0.4))
    )
    assert read_score(f"{judged.explain()}; threshold 80 %") == (
        93,
        (Part("new destination", 45), Part("large volume", 38)),
    )
    assert read_score("7 %") == (7, ())
    assert read_score("switched off") is None
    assert read_score("") is None


@pytest.mark.requirement("W4.5")
def test_hostile_text_of_an_agent_stays_text(admin, made):
    nasty = "<script>alert(1)</script>"
    made.ask_natively(made.body(action_type="file_read", resource=f"/app/{uuid4().hex}/{nasty}"))
    made.ask_natively(json.dumps(made.body(action_type=nasty)).encode())
    keep(made)
    for tab in ("trust", "behaviour"):
        assert nasty not in page(admin, made, tab)
