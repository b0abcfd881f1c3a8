"""Who may agree to what: roles, named people, teams and agents, several of them; and nobody for themselves."""

import pytest

from accounts.models import Role
from accounts.services.teams import add_team_member, create_team
from agents.services.lifecycle import suspend_agent
from aim.errors import NotFoundError
from tests.factories.accounts import make_person, unique
from tests.verification.approvals.inbox import agent_actor, make_inbox, verification
from tests.verification.policies.asking import in_force
from tests.verification.world import make_agent
from verification.approvals.errors import NotAnApproverError
from verification.approvals.models import Approval
from verification.approvals.selectors import approvals_visible_to, decidable_by
from verification.services.approvals import approve_request, deny_request

pytestmark = pytest.mark.requirement("W4.6")


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


def may(approval, actor):
    """Whether the actor's word is taken."""
    try:
        approve_request(actor, approval.id)
    except NotAnApproverError:
        return False
    return True


def test_a_role_means_that_role_or_a_higher_one(inbox):
    people = [inbox.person(Role.MANAGER), inbox.person(Role.ADMIN)]
    for role, expected in (("manager", [True, True]), ("admin", [False, True])):
        approvals = [inbox.ask_by_rule(roles=[role]) for _ in people]
        assert [may(one, person.actor) for one, person in zip(approvals, people, strict=True)] == expected


def test_so_many_must_agree(inbox):
    approval = inbox.ask_by_rule(roles=["manager"], count=3)
    for _ in range(2):
        assert approve_request(inbox.person().actor, approval.id).status == "pending"
        assert inbox.state(approval)["status"] == "pending"
    assert approve_request(inbox.person().actor, approval.id).status == "approved"


def test_each_policy_needs_its_own_people(inbox):
    named = inbox.person()
    approval = inbox.ask_by_rule(users=[named.user.public_id])
    rule = {"actions": ["file_list"], "resources": [verification(approval).resource]}
    name = unique("Two admins")
    in_force(
        inbox.admin,
        {"name": name, "effect": "require_approval", "match": rule, "approval": {"roles": ["admin"], "count": 2}},
    )
    both = inbox.ask(action_type="file_list", resource=verification(approval).resource)
    assert len(both.requirements) == 2
    for one in (approval, both):
        # The first was asked before the second policy was: when it is decided, both hold.
        assert approve_request(named.actor, one.id).status == "pending"
        assert approve_request(inbox.person(Role.ADMIN).actor, one.id).status == "pending"
        assert approve_request(inbox.person(Role.ADMIN).actor, one.id).status == "approved"


def test_a_team_may_decide(inbox):
    member = inbox.person()
    team = create_team(inbox.admin, "Keepers")
    add_team_member(inbox.admin, team.id, user_id=member.user.id)
    approval = inbox.ask_by_rule(teams=[team.public_id])
    assert not may(approval, inbox.manager.actor)
    assert approval not in decidable_by(inbox.manager.actor, Approval.objects.all())
    assert list(decidable_by(member.actor, Approval.objects.filter(id=approval.id))) == [approval]
    assert may(approval, member.actor)
    assert list(decidable_by(member.actor, Approval.objects.filter(id=approval.id))) == []


def test_agents_decide_what_names_them(inbox):
    judge, other = inbox.add_agent(), inbox.add_agent()
    approval, again, late = (inbox.ask_by_rule(agents=[judge.agent.public_id]) for _ in range(3))
    assert set(approvals_visible_to(agent_actor(judge))) == {approval, again, late}
    assert list(approvals_visible_to(agent_actor(other))) == []
    assert list(approvals_visible_to(agent_actor(inbox.asker))) == []
    deny_request(agent_actor(judge), approval.id, note="not so fast")
    assert inbox.state(approval)["reason"] == "Approval denied: not so fast"
    assert may(again, agent_actor(judge))
    assert inbox.state(again)["approved"] is True
    suspend_agent(inbox.admin, judge.agent.id, reason="test")
    assert not may(late, agent_actor(judge))
    assert inbox.state(again)["code"] == "approval_denied"


@pytest.mark.parametrize("claim", ["public_id", "email", "hex"])
def test_whom_the_agent_acts_for_does_not_approve(inbox, claim):
    person = inbox.person(Role.ADMIN)
    user = {"public_id": person.user.public_id, "email": person.user.email.upper(), "hex": person.user.id.hex}[claim]
    approval = inbox.ask(context={"user_id": user})
    assert not may(approval, person.actor)
    if claim == "public_id":
        assert approval not in decidable_by(person.actor, Approval.objects.all())
    assert may(approval, inbox.manager.actor)


def test_the_owner_does_not_approve_where_the_rule_says_so(inbox):
    owner = make_person(inbox.asker.agent.organization, Role.ADMIN)
    for excluded, expected in ((True, False), (False, True)):
        approval = inbox.ask_by_rule(agent_of(inbox, owner), roles=["manager"], exclude_owner=excluded)
        assert may(approval, owner.actor) is expected


def test_the_owners_other_agents_do_not_approve_either(inbox):
    judge = inbox.add_agent()
    foreign = agent_of(inbox, inbox.person(Role.ADMIN))
    agents = [judge.agent.public_id, foreign.agent.public_id]
    approval = inbox.ask_by_rule(agents=agents, exclude_owner=True)
    assert not may(approval, agent_actor(judge))
    assert may(approval, agent_actor(foreign))


def test_an_agent_is_no_judge_of_its_own(inbox):
    approval = inbox.ask_by_rule(agents=[inbox.asker.agent.public_id])
    with pytest.raises(NotFoundError):
        approve_request(agent_actor(inbox.asker), approval.id)


def test_who_wrote_the_policy_does_not_approve_by_it(inbox):
    approval = inbox.ask_by_rule(roles=["manager"])
    assert not may(approval, inbox.admin)
    deny_request(inbox.admin, approval.id, note="denying is open to everybody who may decide")
    approval = inbox.ask_by_rule(roles=["manager"])
    assert may(approval, inbox.manager.actor)


def test_nobody_named_means_nobody(inbox):
    approval = inbox.ask()
    Approval.objects.filter(id=approval.id).update(requirements=[{}])
    assert not may(approval, inbox.person(Role.ADMIN).actor)


def agent_of(inbox, owner):
    return make_agent(owner.actor, calls_per_hour=1000)
