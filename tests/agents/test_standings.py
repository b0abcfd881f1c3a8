"""What agents are counted by follows every change of them, whoever makes it."""

from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connection

from accounts.models import Role
from agents.models import Agent, AgentRuntime, AgentSearch, AgentStanding, AgentStatus, PublicKey
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


def standings(organization):
    rows = AgentStanding.objects.filter(organization_id=organization.id).order_by("agent_id")
    return list(
        rows.values_list(
            *("agent_id", "status", "agent_type", "key_type", "owner_id", "require_signature", "min_trust"),
            *("trust_score", "trust", "capabilities"),
        )
    )


def searched(organization):
    """What is searched has the same kinds, and the agents' words."""
    shared = ("agent_id", "status", "agent_type", "key_type", "owner_id", "trust", "capabilities")
    rows = list(AgentSearch.objects.filter(organization_id=organization.id).order_by("agent_id"))
    kinds = AgentStanding.objects.filter(organization_id=organization.id).order_by("agent_id")
    assert [tuple(getattr(row, name) for name in shared) for row in rows] == list(kinds.values_list(*shared))
    agents = Agent.objects.filter(organization=organization).order_by("id")
    assert [row.text for row in rows] == list(agents.values_list("search_text", flat=True))
    return len(rows)


def truth(organization):
    searched(organization)
    found = []
    for agent in Agent.objects.filter(organization=organization).select_related("runtime").order_by("id"):
        active = agent.public_keys.filter(status=PublicKey.Status.ACTIVE).first()
        score = agent.runtime.trust_score
        trust = "none" if score is None else "enough" if score >= agent.min_trust else "low"
        key_type = active.key_type if active else ""
        kind = (agent.id, agent.status, agent.agent_type, key_type, agent.owner_id, agent.require_signature)
        found.append((*kind, agent.min_trust, score, trust, agent.capabilities))
    return found


def test_they_follow_every_change_of_an_agent(admin):
    organization = admin.organization
    make_agent(admin.actor)
    agent = make_verified_agent(admin.actor).agent
    assert standings(organization) == truth(organization)
    assert {row[1] for row in truth(organization)} == {AgentStatus.PENDING, AgentStatus.VERIFIED}
    rows = Agent.objects.filter(id=agent.id)
    owner = make_person(organization, Role.MEMBER)
    for change in (
        {"status": AgentStatus.SUSPENDED},
        {"owner": owner.user},
        {"owner": None},
        {"require_signature": not agent.require_signature},
        {"min_trust": 95, "auto_suspend_below": 90},
        {"agent_type": "mcp_server"},
        {"capabilities": ["database.read"]},
    ):
        before = truth(organization)
        rows.update(**change)
        assert standings(organization) == truth(organization) != before
    rows.update(display_name="Ledger Clerk", description="Of the night.")
    assert searched(organization) == 2
    assert AgentSearch.objects.get(agent_id=agent.id).text.endswith(" ledger clerk of the night.")
    runtime = AgentRuntime.objects.filter(agent_id=agent.id)
    for score in (Decimal("12.5"), None, Decimal("94.99"), Decimal(95)):
        runtime.update(trust_score=score)
        assert standings(organization) == truth(organization)
    assert truth(organization)[-1][-2] == "enough"
    keys = PublicKey.objects.filter(agent_id=agent.id, status=PublicKey.Status.ACTIVE)
    first = keys.get()
    keys.update(status=PublicKey.Status.RETIRED)
    assert standings(organization) == truth(organization)
    assert standings(organization)[-1][3] == ""
    first.pk, first.key_type, first.status = None, "rsa", PublicKey.Status.PROVED
    first.thumbprint = "another"
    first.save(force_insert=True)
    assert standings(organization)[-1][3] == ""
    PublicKey.objects.filter(id=first.id).update(status=PublicKey.Status.ACTIVE)
    assert standings(organization) == truth(organization)
    assert standings(organization)[-1][3] == "rsa"
    PublicKey.objects.filter(id=first.id).delete()
    assert standings(organization) == truth(organization)
    rows.delete()
    assert standings(organization) == truth(organization)
    assert len(truth(organization)) == 1


def test_what_is_undone_leaves_no_trace(admin):
    agent = make_agent(admin.actor).agent
    before = standings(admin.organization)
    connection.set_autocommit(False)
    try:
        Agent.objects.filter(id=agent.id).update(status=AgentStatus.REVOKED)
        assert standings(admin.organization) != before
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert standings(admin.organization) == before


def test_the_migration_fills_them(admin):
    make_agent(admin.actor)
    agent = make_verified_agent(admin.actor).agent
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=Decimal(3))
    before = standings(admin.organization)
    AgentStanding.objects.all().delete()
    with connection.cursor() as cursor:
        # At the first of the two there are no capabilities yet.
        cursor.execute("ALTER TABLE agents_agentstanding ALTER COLUMN capabilities SET DEFAULT '[]'")
        cursor.execute(import_module("agents.migrations.0011_standings").FILL)
        cursor.execute("ALTER TABLE agents_agentstanding ALTER COLUMN capabilities DROP DEFAULT")
        later = import_module("agents.migrations.0016_registry_found_by_index")
        cursor.execute(later.FILL_STANDINGS)
        AgentSearch.objects.all().delete()
        cursor.execute(later.FILL_SEARCH)
    assert standings(admin.organization) == before == truth(admin.organization)
