"""What people change is in force for the very next decision, from every process, and queues are bounded."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from accounts.contracts import OPERATOR
from accounts.models import Organization
from accounts.services.organizations import set_organization_status
from agents.models import AgentRuntime
from agents.services.api_keys import create_api_key, revoke_api_key
from agents.services.configuration import update_agent
from agents.services.lifecycle import resume_agent, revoke_agent, suspend_agent
from aim import clock
from tests.verification.world import HOST, PATH, make_agent, make_organization, native
from verification.engine import engine_for_threads
from verification.lane import Door, VerifyLane
from verification.models import Verification
from verification.services.containments import lift_containment, place_containment


@pytest.fixture
def made():
    _, admin = make_organization()
    made = make_agent(admin, calls_per_hour=1000)
    assert made.ask_natively().status == 200
    return made


def code(reply):
    return reply.json().get("code", "")


@pytest.mark.requirement("W2.10")
def test_suspension_and_return(made):
    suspend_agent(made.admin, made.agent.id, reason="test")
    assert code(made.ask_natively()) == "agent_suspended"
    resume_agent(made.admin, made.agent.id, reason="test")
    assert made.ask_natively().status == 200
    revoke_agent(made.admin, made.agent.id, reason="test")
    assert code(made.ask_natively()) == "agent_revoked"


def test_revoked_and_expired_keys_are_dead(made):
    key, secret = create_api_key(made.admin, made.agent.id, expires_at=clock.now() + timedelta(days=1))
    headers = {"Authorization": f"Bearer {secret.text}"}
    raw, _ = made.request()
    assert native(raw, headers).status == 200
    key.expires_at = clock.now() - timedelta(seconds=1)
    key.save()
    AgentRuntime.objects.filter(agent_id=made.agent.id).update(
        epoch=AgentRuntime.objects.get(agent_id=made.agent.id).epoch + 1
    )
    assert native(raw, headers).status == 401
    revoke_api_key(made.admin, made.agent.id, key_id=made.agent.api_keys.exclude(id=key.id).get().id)
    assert made.ask_natively().status == 401


def test_capabilities_scope_and_limits(made):
    update_agent(made.admin, made.agent.id, changes={"capabilities": ["database.read"]})
    assert code(made.ask_natively()) == "capability_missing"
    update_agent(
        made.admin, made.agent.id, changes={"capabilities": ["file_system.read"], "resource_scope": ["/other/**"]}
    )
    assert code(made.ask_natively()) == "out_of_scope"
    update_agent(made.admin, made.agent.id, changes={"resource_scope": ["/app/**"], "calls_per_hour": 1})
    assert code(made.ask_natively()) == "rate_limited"
    update_agent(made.admin, made.agent.id, changes={"calls_per_hour": 1000})
    assert made.ask_natively().status == 200


def test_disabled_organization(made):
    organization = Organization.objects.get(id=made.agent.organization_id)
    set_organization_status(OPERATOR, organization, status=Organization.Status.DISABLED, reason="test")
    assert made.ask_natively().status == 401
    set_organization_status(OPERATOR, organization, status=Organization.Status.ACTIVE, reason="test")
    assert made.ask_natively().status == 200


@pytest.mark.requirement("W4.2")
@pytest.mark.parametrize(
    ("kind", "pattern", "changes", "expected"),
    [
        ("address", "127.0.0.0/8", {}, "blocked"),
        ("user", "usr_123", {}, "blocked"),
        ("session", "sess_456", {}, "blocked"),
        ("destination", "evil.example", {"data": {"destination": "https://files.evil.example/x"}}, "blocked"),
        ("destination", "evil.example", {"data": {"destination": "http://[bad"}}, "blocked"),
        ("resource", "/app/config/**", {}, "quarantined"),
        ("resource", "/app/other/**", {}, ""),
        ("destination", "evil.example", {"data": {"destination": "https://notevil.example/x"}}, ""),
    ],
)
def test_containment_holds_and_lifts(made, kind, pattern, changes, expected):
    containment = place_containment(made.admin, kind=kind, pattern=pattern, reason="incident")
    assert code(made.ask_natively(made.body(**changes))) == expected
    lift_containment(made.admin, containment.id, reason="over")
    if changes.get("data", {}).get("destination") != "http://[bad":
        assert made.ask_natively(made.body(**changes)).status == 200


def test_containment_of_another_organization_does_not_touch_it(made):
    _, stranger = make_organization()
    place_containment(stranger, kind="user", pattern="usr_123", reason="theirs")
    assert made.ask_natively().status == 200


@pytest.mark.requirement("E2")
@pytest.mark.parametrize("limit", [1, 10, 50])
def test_exactly_the_limit_is_approved_of_100_at_once(limit):
    _, admin = make_organization()
    made = make_agent(admin, calls_per_hour=limit)
    raw, headers = made.request()
    with ThreadPoolExecutor(25) as pool:
        replies = list(pool.map(lambda _: native(raw, headers), range(100)))
    assert sorted(reply.status for reply in replies) == [200] * limit + [429] * (100 - limit)
    assert Verification.objects.filter(agent_id=made.agent.id, status="approved").count() == limit
    assert Verification.objects.filter(agent_id=made.agent.id).count() == 100


@pytest.mark.requirement("E2")
def test_queue_of_one_agent_is_bounded_and_others_are_unharmed():
    _, admin = make_organization()
    busy, other = make_agent(admin, calls_per_hour=100_000), make_agent(admin)
    raw, headers = busy.request()
    bound = engine_for_threads().writer._settings.queue_per_agent

    async def flood():
        statuses = []

        async def one():
            async def receive():
                return {"type": "http.request", "body": raw, "more_body": False}

            async def send(message):
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            names = {"host": HOST, "content-type": "application/json", "content-length": str(len(raw))} | headers
            scope = {
                "type": "http",
                "method": "POST",
                "path": PATH,
                "raw_path": PATH.encode(),
                "query_string": b"",
                "scheme": "http",
                "client": ("127.0.0.1", 1),
                "headers": [(name.lower().encode(), value.encode()) for name, value in names.items()],
            }
            await VerifyLane(None, door=Door(frozenset({HOST.encode()}), secure=False))(scope, receive, send)

        await asyncio.gather(*(one() for _ in range(bound + 50)))
        return statuses

    assert busy.ask_natively().status == 200
    statuses = asyncio.run_coroutine_threadsafe(flood(), engine_for_threads().loop).result(timeout=60)
    assert statuses.count(200) == bound
    assert statuses.count(429) == 50
    assert other.ask_natively().status == 200


@pytest.mark.requirement("W4.4")
def test_locked_agent_is_refused_in_time_and_holds_up_nobody_else():
    _, admin = make_organization()
    locked, other = make_agent(admin), make_agent(admin)
    assert locked.ask_natively().status == other.ask_natively().status == 200
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        AgentRuntime.objects.select_for_update().get(agent_id=locked.agent.id)
        waiting = pool.submit(native, *locked.request())
        assert other.ask_natively().status == 200
        reply = waiting.result(timeout=60)
        assert (reply.status, reply.json()["code"]) == (503, "not_recorded")
        assert "retry-after" in reply.headers
    assert locked.ask_natively().status == 200


@pytest.mark.requirement("W4.4")
@pytest.mark.parametrize("table", ["verification_verification", "ledger_entry"])
@pytest.mark.parametrize("sqlstate", ["53100", "57014", "23505"])
def test_what_cannot_be_recorded_is_never_approved(made, table, sqlstate):
    name = f"test_refuse_{uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF position('{made.agent.id.hex}' in replace(NEW::text, '-', '')) > 0 THEN"
            f" RAISE EXCEPTION 'broken' USING ERRCODE = '{sqlstate}'; END IF; RETURN NEW; END $$;"
            f" CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
    try:
        before = Verification.objects.filter(agent_id=made.agent.id).count()
        reply = made.ask_natively()
        assert (reply.status, reply.json()["approved"], reply.json()["code"]) == (503, False, "not_recorded")
        assert made.ask_natively(made.body(action_type="file_delete")).status == 503
        assert Verification.objects.filter(agent_id=made.agent.id).count() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()")
        connections.close_all()
    assert made.ask_natively().status == 200
