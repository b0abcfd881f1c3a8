"""Who is told that an action waits, until it is decided; and how it ended."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from accounts.notifications.models import Notification
from agents.models import Agent, AgentRuntime
from tests.factories.followers import follow_all
from tests.verification.approvals.inbox import make_inbox
from tests.verification.approvals.test_deadlocks import circle_of, deadlocks
from verification.services.approvals import Terms, approve_request, deny_request
from verification.services.deadlocks import resolve_deadlock

pytestmark = [pytest.mark.requirement("W4.6"), pytest.mark.requirement("R.1")]
FOLLOWER = "notifications"


def unread(person, *kinds):
    rows = Notification.objects.filter(membership=person.membership, read_at=None, kind__in=kinds)
    return [(row.kind, row.count) for row in rows]


def test_those_who_may_decide_are_told_once_an_agent_and_until_nothing_waits():
    inbox = make_inbox()
    viewer = inbox.person(Role.VIEWER)
    first, second = inbox.ask(), inbox.ask(resource="/app/other")
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested") == [("approval_requested", 2)]
    [row] = Notification.objects.filter(membership=inbox.manager.membership, kind="approval_requested")
    assert row.text == f"{inbox.asker.agent.name} asks for approval: file_read"
    assert row.path == "/dashboard/approvals"
    assert unread(viewer, "approval_requested") == []
    approve_request(inbox.manager.actor, first.id, terms=Terms())
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested"), "the other still waits"
    deny_request(inbox.manager.actor, second.id, note="No")
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested") == []


def test_many_requests_at_once_are_told_for_the_price_of_a_few():
    """An agent that has become unusual may ask for a hundred a second; who may decide is looked up once for a step."""
    inbox = make_inbox()
    follow_all(FOLLOWER)
    asked = []
    for number in (3, 12):
        for _ in range(number):
            inbox.ask(resource=f"/app/{len(asked)}")
            asked.append(number)
        with CaptureQueriesContext(connection) as queries:
            follow_all(FOLLOWER)
        told = [query["sql"] for query in queries.captured_queries if "ledger_" not in query["sql"]]
        assert unread(inbox.manager, "approval_requested") == [("approval_requested", len(asked))]
        assert len(told) < 16, told


def test_what_is_decided_in_the_same_step_is_read_and_what_comes_after_it_is_not():
    inbox = make_inbox()
    early = inbox.ask()
    deny_request(inbox.manager.actor, early.id, note="No")
    late = inbox.ask(resource="/app/other")
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested") == [("approval_requested", 1)]
    deny_request(inbox.manager.actor, late.id, note="No")
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested") == []


def test_the_owner_is_told_how_it_ended_unless_they_decided_it():
    inbox = make_inbox()
    owner = inbox.person(Role.MEMBER)
    Agent.objects.filter(id=inbox.asker.agent.id).update(owner=owner.user)
    approval = inbox.ask()
    deny_request(inbox.manager.actor, approval.id, note="No")
    follow_all(FOLLOWER)
    assert unread(owner, "approval_decided") == [("approval_decided", 1)]
    assert unread(inbox.manager, "approval_decided") == []


def test_whoever_may_not_agree_to_it_is_not_asked():
    inbox = make_inbox()
    admin = inbox.person(Role.ADMIN)
    inbox.ask_by_rule(roles=["admin"])
    follow_all(FOLLOWER)
    assert unread(inbox.manager, "approval_requested") == []
    assert unread(admin, "approval_requested") == [("approval_requested", 1)]


@pytest.mark.requirement("E5")
def test_admins_are_told_of_a_circle_until_it_is_open():
    inbox, agents = circle_of(2)
    admin = inbox.person(Role.ADMIN)
    for agent in agents:
        inbox.ask(agent)
    (found,) = deadlocks(inbox, wait_for=1)
    follow_all(FOLLOWER)
    [row] = Notification.objects.filter(membership=admin.membership, kind="deadlock_detected")
    assert row.text == "Verification deadlock detected: 2 agents wait for each other"
    assert unread(admin, "deadlock_detected") == [("deadlock_detected", 1)]
    resolve_deadlock(inbox.admin, found.id)
    follow_all(FOLLOWER)
    assert unread(admin, "deadlock_detected") == []


@pytest.mark.requirement("E9")
def test_admins_are_told_of_a_score_that_is_not_that_of_its_chain():
    inbox = make_inbox()
    admin = inbox.person(Role.ADMIN)
    AgentRuntime.objects.filter(agent_id=inbox.asker.agent.id).update(trust_score=99)
    # Denied at once, and examined by the follower because of it.
    assert inbox.asker.ask_natively().json()["code"] == "check_failed"
    follow_all("trust")
    follow_all(FOLLOWER)
    assert Agent.objects.get(id=inbox.asker.agent.id).status == "suspended"
    [row] = Notification.objects.filter(membership=admin.membership, kind="trust_tampered")
    assert row.text.startswith(f"Trust score of agent {inbox.asker.agent.name} was manipulated: ")
    assert unread(admin, "agent_suspended_automatically") == [("agent_suspended_automatically", 1)]
