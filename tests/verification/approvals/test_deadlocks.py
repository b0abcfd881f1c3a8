"""Agents that wait for each other are found when the circle closes, and freed by one call."""

import time
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role
from aim.ledger.events import Event
from aim.ledger.models import Entry
from tests.factories.api import Api
from tests.factories.ledger import recorded
from tests.factories.threads import at_once
from tests.factories.timing import PATIENCE_SECONDS
from tests.verification.approvals.inbox import agent_actor, make_inbox
from tests.verification.policies.asking import in_force
from verification.approvals.errors import NotAnApproverError
from verification.approvals.models import Deadlock
from verification.approvals.waits import Wait, find_circles
from verification.services.approvals import approve_request, deny_request
from verification.services.deadlocks import find_deadlocks, resolve_deadlock
from verification.tasks import look_for_deadlocks

pytestmark = pytest.mark.requirement("E5")


def circle_of(count, inbox=None, **approval):
    """Agents of which each must be approved by the next, the last by the first."""
    inbox = inbox or make_inbox()
    agents = [inbox.add_agent() for _ in range(count)]
    for index, agent in enumerate(agents):
        in_force(
            inbox.admin,
            {
                "name": f"{agent.agent.name} asks",
                "effect": "require_approval",
                "match": {"actions": ["file_read"], "agents": [agent.agent.public_id]},
                "approval": {"agents": [agents[(index + 1) % count].agent.public_id]} | approval,
            },
        )
    return inbox, agents


def deadlocks(inbox, *, wait_for=0):
    """Those on record, as soon as there are so many."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = list(Deadlock.objects.filter(organization_id=inbox.organization_id))
        if len(rows) >= wait_for or time.monotonic() > until:
            return rows
        time.sleep(0.05)


@pytest.mark.parametrize("count", [2, 5])
def test_a_circle_is_found_when_it_closes(count):
    inbox, agents = circle_of(count)
    approvals = [inbox.ask(agent) for agent in agents[:-1]]
    time.sleep(0.5)
    assert deadlocks(inbox) == []
    approvals.append(inbox.ask(agents[-1]))
    (found,) = deadlocks(inbox, wait_for=1)
    assert {one["id"] for one in found.agents} == {agent.agent.public_id for agent in agents}
    assert set(found.approvals) == {approval.public_id for approval in approvals}
    assert found.suggestion == "Grant temporary approval to Agent"
    assert found.suggested_approval_id == approvals[0].id
    (entry,) = Entry.objects.filter(kind=Event.DEADLOCK_DETECTED, organization_id=inbox.organization_id)
    assert b"Verification deadlock detected" in bytes(entry.body)
    assert find_deadlocks(inbox.organization_id) == []
    assert look_for_deadlocks() == 0


def test_the_suggestion_works_in_one_call():
    inbox, (first, second) = circle_of(2)
    approvals = [inbox.ask(agent) for agent in (first, second)]
    (found,) = deadlocks(inbox, wait_for=1)
    admin = Api(inbox.person(Role.ADMIN).token)
    (shown,) = admin.get("/approvals/deadlocks").json()["results"]
    assert (shown["id"], shown["status"]) == (found.public_id, "open")
    assert Api(inbox.manager.token).post(f"/approvals/deadlocks/{found.public_id}/resolve", {}).status_code == 403
    with recorded(inbox.organization_id, Event.DEADLOCK_RESOLVED, Event.APPROVAL_APPROVED):
        answer = admin.post(f"/approvals/deadlocks/{found.public_id}/resolve", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "approved"), answer.content
    assert inbox.state(approvals[0], first)["approved"] is True
    # It is temporary, and the agent that was freed can free the other.
    assert first.ask_natively().status == 200
    assert approve_request(agent_actor(first), approvals[1].id).status == "approved"
    again = admin.post(f"/approvals/deadlocks/{found.public_id}/resolve", {})
    assert again.status_code == 409
    assert admin.get("/approvals/deadlocks").json()["results"][0]["status"] == "resolved"


def test_nobody_resolves_for_themselves():
    inbox, agents = circle_of(2)
    person = inbox.person(Role.ADMIN)
    for agent in agents:
        inbox.ask(agent, context={"user_id": person.user.public_id})
    (found,) = deadlocks(inbox, wait_for=1)
    with pytest.raises(NotAnApproverError):
        resolve_deadlock(person.actor, found.id)
    found.refresh_from_db()
    assert found.ended_at is None
    # Who wrote the rules could take them back as well.
    assert resolve_deadlock(inbox.admin, found.id).status == "approved"


def test_a_circle_that_opens_by_itself_is_dissolved():
    inbox, agents = circle_of(2)
    first, _ = (inbox.ask(agent) for agent in agents)
    (found,) = deadlocks(inbox, wait_for=1)
    with recorded(inbox.organization_id, Event.APPROVAL_DENIED, Event.DEADLOCK_DISSOLVED):
        deny_request(inbox.manager.actor, first.id, note="not today")
    found.refresh_from_db()
    assert found.outcome == "dissolved"


def test_what_a_person_could_decide_is_no_deadlock():
    inbox, agents = circle_of(3, roles=["manager"])
    for agent in agents:
        inbox.ask(agent)
    time.sleep(0.3)
    assert find_deadlocks(inbox.organization_id) == deadlocks(inbox) == []


@pytest.mark.slow
def test_circles_that_close_at_the_same_moment_are_each_found_once():
    inbox = make_inbox()
    pairs = [circle_of(2, inbox)[1] for _ in range(4)]
    agents = [agent for pair in pairs for agent in pair]
    replies = at_once(len(agents), lambda index: agents[index].ask_natively().status)
    assert replies == [202] * len(agents)
    found = deadlocks(inbox, wait_for=4)
    assert sorted(sorted(one["id"] for one in row.agents) for row in found) == sorted(
        sorted(agent.agent.public_id for agent in pair) for pair in pairs
    )
    at_once(4, lambda _: find_deadlocks(inbox.organization_id))
    assert len(deadlocks(inbox)) == 4


A, B, C, D = (UUID(int=number) for number in range(1, 5))


def wait(agent, missing, *voters):
    return Wait(UUID(int=agent.int + 100), agent, missing, frozenset(voters))


@pytest.mark.parametrize(
    ("waits", "circles"),
    [
        ([], []),
        ([wait(A, 1, B)], []),
        ([wait(A, 1, B), wait(B, 1, A)], [{A, B}]),
        ([wait(A, 1, B), wait(B, 1, C), wait(C, 1, A)], [{A, B, C}]),
        # One of two is enough, and C is free.
        ([wait(A, 1, B, C), wait(B, 1, A)], []),
        # Both are needed, and one is stuck.
        ([wait(A, 2, B, C), wait(B, 1, A)], [{A, B}]),
        # D waits for the circle and is no part of it.
        ([wait(A, 1, B), wait(B, 1, A), wait(D, 1, A)], [{A, B}]),
        # Nobody can decide for B: that is no circle.
        ([wait(A, 1, B), wait(B, 1)], []),
        ([wait(A, 1, B), wait(B, 1, A), wait(C, 1, D), wait(D, 1, C)], [{A, B}, {C, D}]),
    ],
)
def test_circles_among_waits(waits, circles):
    for order in list(permutations(waits))[:24]:
        assert [{one.agent_id for one in circle} for circle in find_circles(order)] == circles


ids = st.integers(1, 6).map(lambda number: UUID(int=number))
any_wait = st.builds(
    lambda agent, missing, voters: wait(agent, missing, *(voters - {agent})), ids, st.integers(1, 3), st.sets(ids)
)


@given(st.lists(any_wait, max_size=8))
def test_every_circle_goes_round(waits):
    for circle in find_circles(waits):
        for one, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert following.agent_id in one.voters
        assert len({one.agent_id for one in circle}) == len(circle) > 1
