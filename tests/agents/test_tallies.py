"""Counts of agents are exact after every change and at every moment, folded or not."""

from collections import Counter
from contextlib import suppress
from decimal import Decimal
from importlib import import_module
from itertools import product
from random import Random

import pytest
from django.db import connection, transaction
from django.db.models import Count, Sum
from django.http import QueryDict

from accounts.models import Role, User
from agents.models import (
    Agent,
    AgentRuntime,
    AgentStanding,
    AgentStatus,
    AgentTally,
    AgentType,
    CapabilityTally,
    PublicKey,
)
from agents.registry import NOBODY, Filters, registry_of
from agents.registry_counts import tallies_of
from agents.services import tallies
from agents.services.tallies import fold_tallies, fold_tally
from agents.tasks import fold_agent_tallies
from aim.ids import IdKind, show_id
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.threads import at_once

SHARED = ("status", "agent_type", "trust", "key_type", "owner_id")
KINDS = {AgentTally: (*SHARED, "require_signature"), CapabilityTally: (*SHARED, "capabilities")}
SCORES = (None, Decimal(3), Decimal("69.99"), Decimal(70), Decimal(71))


class UndoneError(Exception):
    pass


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


def kept(organization):
    found = {}
    for model, kind in KINDS.items():
        rows = model.objects.filter(organization_id=organization.id).values_list(*kind)
        found |= _by_kind(model, rows.annotate(n=Sum("count")).exclude(n=0))
    return found


def truth(organization):
    found = {}
    for model, kind in KINDS.items():
        rows = AgentStanding.objects.filter(organization_id=organization.id).values_list(*kind)
        found |= _by_kind(model, rows.annotate(n=Count("*")))
    return found


def _by_kind(model, rows):
    return {(model, *kind, str(last)): n for *kind, last, n in rows}


def entries(organization):
    return sum(model.objects.filter(organization_id=organization.id).count() for model in KINDS)


def change_something(chance, ids, owners):
    """One change that any of the product's services might make; a deletion seldom."""
    agent_id = chance.choice(ids)
    agents, keys = Agent.objects.filter(id=agent_id), PublicKey.objects.filter(agent_id=agent_id)
    match chance.randrange(20):
        case 0:
            agents.delete()
        case 1 | 2 | 3:
            agents.update(owner=chance.choice([None, *owners]))
        case 4 | 5:
            agents.update(require_signature=chance.choice([True, False]))
        case 6:
            agents.update(agent_type=chance.choice(AgentType.values))
        case 7:
            agents.update(capabilities=chance.choice([[], ["file_system.read"], ["file_system.read", "code.deploy"]]))
        case 8 | 9 | 10:
            AgentRuntime.objects.filter(agent_id=agent_id).update(trust_score=chance.choice(SCORES))
        case 11 | 12:
            keys.update(status=chance.choice([PublicKey.Status.ACTIVE, PublicKey.Status.RETIRED]))
        case 13:
            Agent.objects.filter(id__in=ids).order_by().update(description="Nothing that is counted.")
        case _:
            agents.update(status=chance.choice(AgentStatus.values))


def test_they_are_exact_after_any_changes(admin):
    organization, elsewhere = admin.organization, make_person(make_organization())
    make_agent(elsewhere.actor)
    others = kept(elsewhere.organization)
    owners = [admin.user, make_person(organization, Role.MEMBER).user]
    ids = [make_agent(admin.actor, with_key=number % 3 > 0).agent.id for number in range(8)]
    ids.append(make_verified_agent(admin.actor).agent.id)
    assert kept(organization) == truth(organization)
    chance, seen = Random(0), set()
    for number in range(200):
        undone = chance.random() < 0.3
        with suppress(UndoneError), transaction.atomic():
            change_something(chance, ids, owners)
            assert kept(organization) == truth(organization)
            if undone:
                raise UndoneError
        if number % 40 == 39:
            assert fold_tally(organization.id)
            assert entries(organization) == len(truth(organization))
            ids.append(make_agent(admin.actor).agent.id)
        assert kept(organization) == truth(organization)
        seen.add(tuple(sorted(truth(organization).items(), key=repr)))
    assert len(seen) > 50
    assert kept(elsewhere.organization) == others == truth(elsewhere.organization)
    Agent.objects.filter(organization=organization).delete()
    assert kept(organization) == truth(organization) == {}


def test_what_is_not_counted_adds_nothing(admin):
    """A score that moves within its kind is by far the most frequent change."""
    agent = make_verified_agent(admin.actor).agent
    runtime = AgentRuntime.objects.filter(agent_id=agent.id)
    runtime.update(trust_score=agent.min_trust + 1)
    before = entries(admin.organization)
    runtime.update(trust_score=agent.min_trust)
    Agent.objects.filter(id=agent.id).update(status=agent.status, description="Other words.")
    assert entries(admin.organization) == before
    runtime.update(trust_score=agent.min_trust - 1)
    assert entries(admin.organization) == before + 4


def test_they_are_exact_while_many_change_and_fold(admin):
    organization = admin.organization
    owners = [admin.user, make_person(organization, Role.MEMBER).user]
    ids = [make_agent(admin.actor).agent.id for _number in range(16)]

    def work(index):
        chance, own, wrong = Random(index), ids[2 * index : 2 * index + 2], 0
        for _turn in range(40):
            with suppress(UndoneError), transaction.atomic():
                change_something(chance, own, owners)
                if chance.random() < 0.3:
                    raise UndoneError
            if index % 2:
                fold_tally(organization.id)
            wrong += sum(_both(organization))
        return wrong

    assert at_once(8, work) == [0] * 8
    assert kept(organization) == truth(organization)
    assert fold_tally(organization.id)
    assert kept(organization) == truth(organization)
    assert entries(organization) == len(truth(organization))


def _both(organization):
    """By how much the two differ, read in one statement, for nobody changes anything between its halves."""
    with connection.cursor() as cursor:
        wrong = []
        for model, kind in KINDS.items():
            columns = ", ".join(kind)
            cursor.execute(
                f"SELECT abs(sum(n)) FROM (SELECT {columns}, count AS n FROM {model._meta.db_table}"
                f" WHERE organization_id = %s UNION ALL SELECT {columns}, -1 FROM agents_agentstanding"
                f" WHERE organization_id = %s) AS all_of_them GROUP BY {columns}",
                [organization.id, organization.id],
            )
            wrong += [int(row[0]) for row in cursor.fetchall()]
        return wrong


def test_only_one_folds_at_a_time(admin):
    make_verified_agent(admin.actor)
    before = entries(admin.organization)
    assert before > 2
    with transaction.atomic():
        assert fold_tally(admin.organization.id)
        assert at_once(1, lambda _index: fold_tally(admin.organization.id)) == [False]
        # Who reads meanwhile reads what was there before.
        assert at_once(1, lambda _index: entries(admin.organization)) == [before]
    assert entries(admin.organization) == 2
    assert fold_tally(admin.organization.id)


def test_upkeep_folds_where_there_are_many(admin, monkeypatch):
    few, gone = make_person(make_organization()), make_person(make_organization())
    agent = make_agent(admin.actor).agent
    make_verified_agent(few.actor)
    Agent.objects.filter(id=make_agent(gone.actor).agent.id).delete()
    monkeypatch.setattr(tallies, "_SLACK", 8)
    for number in range(10):
        Agent.objects.filter(id=agent.id).update(agent_type=AgentType.values[(number + 1) % 2])
    assert entries(few.organization) > 1
    before = entries(few.organization)
    folded = fold_tallies()
    assert admin.organization.id in folded
    assert gone.organization.id in folded
    assert few.organization.id not in folded
    assert [entries(one.organization) for one in (admin, few, gone)] == [2, before, 0]
    assert fold_agent_tallies() == len(fold_tallies()) == 0


@pytest.mark.requirement("W2.1")
def test_what_a_search_finds_is_counted_as_it_is_listed(admin):
    """Partly from the counts that are kept, partly from the agents: in every combination exact, each agent once."""
    member = make_person(admin.organization, Role.MEMBER).user
    User.objects.filter(id=member.id).update(name="Deirdre Network")
    owners = [admin.user, member, None]
    sets = [[], ["file_system.read"], ["network.request", "file_system.read"], ["network.request"]]
    words = ["Plain", "network probe", "file_system.read of old"]
    for number, (owner, codes, text) in enumerate(product(owners, sets, words)):
        agent = make_agent(admin.actor, name=f"agent-{number}", with_key=False).agent
        Agent.objects.filter(id=agent.id).update(owner=owner, capabilities=codes, description=text)
    totals = set()
    for text, chosen, status in product(
        ("", "network", "deirdre", "probe", "file", "agent-7", "nowhere"),
        ("", "&capability=network.request", "&capability=network.request&capability=file_system.read"),
        ("", "&status=pending", "&status=verified"),
    ):
        filters = Filters.read(admin.actor, QueryDict(f"q={text}{chosen}{status}"))
        _everything, found = tallies_of(admin.actor, filters)
        rows = filters.narrow(registry_of(admin.actor))
        assert found.total(filters) == rows.count(), (text, chosen, status)
        assert set(filters.found(admin.actor).values_list("agent_id", flat=True)) == {row.id for row in rows}
        by_owner = Counter(show_id(IdKind.USER, row.owner_id) if row.owner_id else NOBODY for row in rows)
        assert found.owners(filters) == by_owner
        totals.add(found.total(filters))
    assert len(totals) > 10


def test_the_migration_fills_them(admin):
    make_agent(admin.actor)
    make_verified_agent(admin.actor)
    before = truth(admin.organization)
    for model in KINDS:
        model.objects.all().delete()
    AgentStanding.objects.update(capabilities=[])
    for model in KINDS:
        model.objects.all().delete()
    assert kept(admin.organization) == {}
    with connection.cursor() as cursor:
        cursor.execute(import_module("agents.migrations.0014_tallies").FILL)
        later = import_module("agents.migrations.0016_registry_found_by_index")
        cursor.execute("ALTER TABLE agents_agentstanding DISABLE TRIGGER tally_of_standing")
        cursor.execute(later.FILL_STANDINGS)
        cursor.execute(later.FILL)
        cursor.execute("ALTER TABLE agents_agentstanding ENABLE TRIGGER tally_of_standing")
    assert kept(admin.organization) == before
    assert entries(admin.organization) == len(before)
