"""No change of what a decision reads slips past the epoch, however changes meet."""

from threading import Event as Flag

import pytest
from django.db import transaction

from accounts.services.teams import create_team, delete_team
from agents.models import AgentRuntime
from agents.services.configuration import update_agent
from agents.services.runtime import raise_epoch, raise_epoch_of_organization
from aim import clock
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.threads import at_once


@pytest.fixture
def admin():
    return make_person(make_organization())


def epoch_of(agent) -> int:
    return AgentRuntime.objects.get(agent=agent).epoch


def test_the_epoch_is_raised_inside_a_transaction_only(admin):
    agent = make_agent(admin.actor).agent
    with pytest.raises(AssertionError):
        raise_epoch(agent)
    with transaction.atomic():
        raise_epoch(agent)
    assert epoch_of(agent) == 2


def test_only_the_organizations_own_agents_are_touched(admin):
    other = make_person(make_organization())
    mine, theirs = make_agent(admin.actor).agent, make_agent(other.actor).agent
    with transaction.atomic():
        raise_epoch_of_organization(admin.organization.id)
    assert (epoch_of(mine), epoch_of(theirs)) == (2, 1)


def test_changes_at_once_are_all_counted(admin):
    agent = make_agent(admin.actor).agent
    at_once(8, lambda index: update_agent(admin.actor, agent.id, changes={"version": f"2.{index}"}))
    agent.refresh_from_db()
    assert epoch_of(agent) == agent.config_version == 9


def test_a_team_change_waits_for_an_agent_that_is_being_limited_to_the_team(admin):
    """Otherwise the agent would keep a snapshot with the old team, and nobody would tell."""
    team, agent = create_team(admin.actor, "Team"), make_agent(admin.actor).agent
    changed = Flag()

    def act(index: int):
        if index == 0:
            with transaction.atomic():
                limits = {"access_scope_kind": "teams", "access_scope_ids": [team.public_id]}
                update_agent(admin.actor, agent.id, changes=limits)
                changed.set()
                # Long enough for the other to be at its lock; it cannot pass before this commits.
                Flag().wait(0.5)
                return clock.now()
        changed.wait(60)
        delete_team(admin.actor, team.id)
        return clock.now()

    limited, deleted = at_once(2, act)
    assert deleted > limited
    assert epoch_of(agent) == 3
