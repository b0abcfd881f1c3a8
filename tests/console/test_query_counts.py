"""Every page asks the database as often for 25 rows as for one, and that often as is written here."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from accounts.services.invitations import invite_members
from accounts.services.saved_views import save_view
from accounts.services.teams import add_team_member, create_team
from accounts.services.tokens import create_token
from agents.columns import AGENT_LIST
from agents.models import Agent
from agents.services.api_keys import create_api_key
from agents.services.configuration import update_agent
from agents.services.requests import request_agent
from agents.services.trust import set_trust_baseline
from aim import clock
from aim.ids import IdKind, parse_id
from mcp.keys import examine_key
from mcp.models import Certificate, KeyRotation, McpServer, Offering, ServerKey, VerificationRun
from mcp.monitoring import AgentUse, HealthSample, SecurityEvent
from mcp.services.registration import update_server
from security.services.reports import report_behaviour
from tests.console.decisions import counted, decided
from tests.console.estate import Estate, make_estate, notice_to
from tests.console.people import browser_of
from tests.factories.accounts import Person, make_person, unique
from tests.factories.agents import make_verified_agent, pem_of
from tests.factories.mcp import make_proved_server, make_tool
from tests.factories.seals import seal_now
from tests.verification.world import TestAgent
from tests.verification.world import make_agent as make_asker
from verification.approvals.models import Approval, Deadlock
from verification.services.approvals import deny_request
from verification.services.data_classes import create_data_class
from verification.services.policies import activate_version, add_version, create_policy

MORE = 24

# The address, and how often it asks. The frame around every page asks for 8 of it.
PAGES = {
    "/dashboard": 37,
    "/dashboard/verifications": 19,
    "/dashboard/verifications?d={verification_id}": 33,
    "/dashboard/verifications/{verification_id}": 22,
    "/dashboard/agents": 18,
    "/dashboard/agents/{agent_id}": 13,
    "/dashboard/agents/{agent_id}?tab=trust": 22,
    "/dashboard/agents/{agent_id}?tab=behaviour": 16,
    "/dashboard/agents/{agent_id}?tab=activity": 16,
    "/dashboard/agents/{agent_id}?tab=rights": 11,
    "/dashboard/agents/{agent_id}?tab=policies": 13,
    "/dashboard/agents/{agent_id}?tab=servers": 18,
    "/dashboard/agents/{agent_id}?tab=keys": 11,
    "/dashboard/agents/{agent_id}?tab=history": 12,
    "/dashboard/agents/requests": 11,
    "/dashboard/agents/requests/{request_id}": 9,
    "/dashboard/reports": 11,
    "/dashboard/reports/{security:report_id}": 9,
    "/dashboard/approvals": 36,
    "/dashboard/approvals?a={approval_id}": 36,
    "/dashboard/approvals?view=decided": 29,
    "/dashboard/policies": 10,
    "/dashboard/policies/{policy_id}": 18,
    "/dashboard/policies/{policy_id}?tab=applied": 13,
    "/dashboard/policies/{policy_id}?tab=versions": 10,
    "/dashboard/policies/{policy_id}?tab=history": 11,
    "/dashboard/policies/data-classes": 9,
    "/dashboard/notifications": 11,
    "/dashboard/account": 12,
    "/dashboard/find?q=a": 11,
    "/dashboard/lists/agents/views": 10,
    "/dashboard/settings": 10,
    "/dashboard/settings/members": 16,
    "/dashboard/settings/members/{user_id}": 11,
    "/dashboard/settings/roles": 9,
    "/dashboard/settings/security": 9,
    "/dashboard/settings/alerts": 12,
    "/dashboard/settings/tokens": 9,
    "/dashboard/settings/verification": 10,
    "/dashboard/settings/ledger": 18,
    "/dashboard/mcp": 14,
    "/dashboard/mcp/{server_id}": 16,
    "/dashboard/mcp/{server_id}?tab=identity": 15,
    "/dashboard/mcp/{server_id}?tab=capabilities": 14,
    "/dashboard/mcp/{server_id}?tab=certificates": 11,
    "/dashboard/mcp/{server_id}?tab=attempts": 13,
    "/dashboard/mcp/{server_id}?tab=health": 12,
    "/dashboard/mcp/{server_id}?tab=agents": 14,
    "/dashboard/mcp/{server_id}?tab=events": 13,
    "/dashboard/mcp/{server_id}?tab=configuration": 12,
}


# One test, and not one for each address: each process that had some of them would fill a database for it.
@pytest.mark.requirement("W4.10")
def test_each_page_asks_as_often_for_25_rows_as_for_one_and_as_is_written():
    estate = make_estate()
    _begin(estate)
    few = _asked(estate)
    for place in range(MORE):
        _add(estate, place)
    seal_now()
    many = _asked(estate)
    more = {
        address: [sql for sql in set(many[address]) if many[address].count(sql) > few[address].count(sql)]
        for address in PAGES
        if len(many[address]) != len(few[address])
    }
    assert not more
    # Whoever makes a page ask less often writes the new number down, so that it stays there.
    assert {address: len(many[address]) for address in PAGES} == PAGES


def _asked(estate: Estate) -> dict[str, list[str]]:
    browser = browser_of(estate.admin)

    def asked(address: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            response = browser.get(re.sub("{([^}]+)}", lambda name: estate.ids[name[1]], address))
        assert response.status_code == 200, address
        # How many tiles of the ledger a proof reads goes by how many entries all tests have left there.
        return [query["sql"] for query in captured if not re.search(r"ledger_tile|string_agg\(leaf", query["sql"])]

    def least(address: str) -> list[str]:
        """Without what is asked now and then alone: that a session is in use, and what a process then remembers."""
        first = asked(address)
        return first if len(first) <= PAGES[address] else min(first, asked(address), key=len)

    return {address: least(address) for address in PAGES}


def _waiting(asker: TestAgent) -> Approval:
    return Approval.objects.get(agent_id=asker.agent.id, status=Approval.Status.PENDING)


def _begin(estate: Estate) -> None:
    """The first row of what an estate has none of yet."""
    asker = make_asker(estate.admin.actor, require_approval=["file_read"])
    # It asked for something else before, which is shown beside its request.
    assert asker.ask_natively(asker.body(resource="/app/other")).status == 202
    deny_request(make_person(estate.admin.organization).actor, _waiting(asker).id, note="No")
    assert asker.ask_natively().status == 202
    deny_request(make_person(estate.admin.organization).actor, _waiting(asker).id, note="No")
    counted(asker.agent, clock.now(), 3, status="denied", code="rate_limited")
    team_id = parse_id(IdKind.TEAM, estate.ids["team_id"])
    add_team_member(estate.admin.actor, team_id, user_id=estate.people[Role.VIEWER].user.id)
    _agents_own(estate, 0)
    person = make_person(estate.admin.organization)
    _servers_own(estate, 0, person, make_verified_agent(person.actor).agent)
    seal_now()


def _add(estate: Estate, place: int) -> None:
    """One more of everything, made by and belonging to somebody who is new."""
    admin = estate.admin
    person = make_person(admin.organization, (Role.ADMIN, Role.MANAGER)[place % 2])
    browser_of(admin)
    team = create_team(admin.actor, unique("Team"))
    add_team_member(admin.actor, team.id, user_id=person.user.id)
    invite_members(admin.actor, [f"{unique('guest')}@example.com"], role=Role.VIEWER)
    create_token(
        admin.actor, "More", membership=admin.membership, scopes=["*"], expires_at=clock.now() + timedelta(days=1)
    )
    save_view(person.actor, AGENT_LIST, name=unique("View"), query="", columns=[], shared=True)
    notice_to(admin)
    agent = make_verified_agent(person.actor).agent
    decided(agent, clock.now())
    counted(agent, clock.now(), 3, status="denied", code="rate_limited")
    request_agent(person.actor, display_name="Wanted", purpose="To read reports")
    report_behaviour(person.actor, severity="low", text="It was odd", agent_id=agent.id)
    policy = create_policy(
        admin.actor, {"name": unique("Policy"), "effect": "deny", "match": {"actions": ["file_delete"]}}
    )
    activate_version(admin.actor, policy.policy_id, number=1)
    policy_id = parse_id(IdKind.POLICY, estate.ids["policy_id"])
    add_version(admin.actor, policy_id, {"name": unique("Policy"), "effect": "deny"}, note="Again")
    create_data_class(admin.actor, name=unique("class"), patterns=["/app/hr/**"])
    asker = make_asker(person.actor if place % 2 == 0 else admin.actor, require_approval=["file_read"])
    assert asker.ask_natively().status == 202
    deny_request(person.actor, _waiting(asker).id, note="No")
    assert asker.ask_natively(asker.body(resource="/app/other")).status == 202
    deadlock = Deadlock.objects.get(id=parse_id(IdKind.DEADLOCK, estate.ids["deadlock_id"]))
    deadlock.pk = uuid4()
    deadlock.save(force_insert=True)
    make_tool(make_proved_server(person.actor), offered={"name": "read_file"}, held_reason="Changed.")
    _agents_own(estate, place + 1)
    _servers_own(estate, place + 1, person, agent)


def _agents_own(estate: Estate, place: int) -> None:
    agent = Agent.objects.get(id=parse_id(IdKind.AGENT, estate.ids["agent_id"]))
    admin = estate.admin
    decided(agent, clock.now())
    create_api_key(admin.actor, agent.id)
    update_agent(admin.actor, agent.id, changes={"description": f"The {place}th"})
    set_trust_baseline(admin.actor, agent.id, score=50 + place, reason="A test of it")


def _servers_own(estate: Estate, place: int, person: Person, agent: Agent) -> None:
    server = McpServer.objects.get(id=parse_id(IdKind.MCP_SERVER, estate.ids["server_id"]))
    now = clock.now()
    make_tool(server, f"tool_{place}")
    Offering.objects.create(
        server=server,
        kind="resource",
        name=f"file:///{place}",
        definition={"uri": f"file:///{place}"},
        definition_digest=b"x" * 32,
        last_seen_at=now,
    )
    info = examine_key(pem_of(Ed25519PrivateKey.generate())).info
    key = ServerKey.objects.create(
        server=server,
        key_type=info.key_type,
        bits=info.bits,
        pem=info.pem,
        fingerprint=info.fingerprint,
        thumbprint=info.thumbprint,
        status="retired",
        proved_at=now,
        retired_at=now,
        proposed_by=person.user,
    )
    KeyRotation.objects.create(
        server=server, old_key=key, new_key=key, state="completed", completed_at=now, started_by=person.user
    )
    VerificationRun.objects.create(
        server=server, trigger="manual", state="succeeded", key=key, started_by=person.user, finished_at=now
    )
    Certificate.objects.create(
        server=server,
        fingerprint=f"{place:02X}",
        subject="CN=a",
        issuer="CN=b",
        not_before=now,
        not_after=now + timedelta(days=30),
        pem="",
        current=place == 0,
        last_seen_at=now,
    )
    HealthSample.objects.create(server=server, at=now - timedelta(minutes=place), healthy=True)
    SecurityEvent.objects.create(server=server, kind="key_changed", severity="high", text="Changed", at=now)
    for used in (agent.id, parse_id(IdKind.AGENT, estate.ids["agent_id"])):
        AgentUse.objects.get_or_create(
            organization=estate.admin.organization,
            server=server,
            agent_id=used,
            hour=now.replace(minute=0, second=0, microsecond=0),
            defaults={"requests": 3, "last_at": now},
        )
    update_server(estate.admin.actor, server.id, changes={"description": f"The {place}th"})
