import pytest

from accounts.models import Role
from agents.models import Agent, AgentStatus
from agents.services.attestation import attest_agent
from agents.services.lifecycle import resume_agent, revoke_agent, suspend_agent
from aim.ledger.events import Event
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.api import Api, messages
from tests.factories.ledger import recorded

VERBS = {
    "suspend": (suspend_agent, Event.AGENT_SUSPENDED),
    "resume": (resume_agent, Event.AGENT_RESUMED),
    "revoke": (revoke_agent, Event.AGENT_REVOKED),
}
# From each status, where each verb leads; everything that is not here is refused.
TABLE = {
    ("pending", "suspend"): "suspended",
    ("verified", "suspend"): "suspended",
    ("suspended", "resume"): "verified",
    ("pending", "revoke"): "revoked",
    ("verified", "revoke"): "revoked",
    ("suspended", "revoke"): "revoked",
}


@pytest.fixture
def admin():
    return make_person(make_organization())


def agent_that_is(admin, status: str):
    if status == "pending":
        return make_agent(admin.actor)
    held = make_verified_agent(admin.actor)
    if status == "suspended":
        suspend_agent(admin.actor, held.agent.id, reason="test")
    if status == "revoked":
        revoke_agent(admin.actor, held.agent.id, reason="test")
    return held


@pytest.mark.requirement("W2.10")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", AgentStatus.values)
def test_the_table_of_states(admin, status, verb):
    held = agent_that_is(admin, status)
    expected = TABLE.get((status, verb))
    held.agent.runtime.refresh_from_db()
    epoch = held.agent.runtime.epoch
    with recorded(admin.organization.id, *([VERBS[verb][1]] if expected else [])) as added:
        response = Api(admin.token).post(f"{held.path}/{verb}", {"reason": "because"})
    agent = Agent.objects.select_related("runtime").get(id=held.agent.id)
    if expected:
        assert response.status_code == 200
        assert response.json()["status"] == agent.status == expected
        assert added[0]["data"] == {"before": status, "after": expected, "reason": "because"}
        assert agent.runtime.epoch == epoch + 1
    else:
        assert response.status_code == 409
        assert agent.status == status
        assert agent.runtime.epoch == epoch


def test_a_pending_agent_is_pending_again_after_a_suspension(admin):
    held = make_agent(admin.actor)
    suspend_agent(admin.actor, held.agent.id, reason="test")
    assert resume_agent(admin.actor, held.agent.id, reason="test").status == AgentStatus.PENDING


@pytest.mark.parametrize("verb", [*VERBS, "attest"])
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x" * 2001}])
def test_a_reason_is_required(admin, verb, body):
    held = make_agent(admin.actor, with_key=False)
    with recorded(admin.organization.id):
        response = Api(admin.token).post(f"{held.path}/{verb}", body)
    assert response.status_code == 400
    assert messages(response)[0][0] == "reason"


@pytest.mark.requirement("W2.8")
def test_an_admin_attests_an_agent_without_a_key(admin):
    held = make_agent(admin.actor, with_key=False)
    with recorded(admin.organization.id, Event.AGENT_ATTESTED) as added:
        response = Api(admin.token).post(f"{held.path}/attest", {"reason": "I installed it myself."})
    agent = response.json()
    assert (agent["status"], agent["verification_method"], agent["trust_score"]) == ("verified", "attestation", 100)
    assert added[0]["actor"]["label"] == admin.user.email
    assert Api(admin.token).post(f"{held.path}/attest", {"reason": "again"}).status_code == 409


@pytest.mark.requirement("W2.8")
def test_an_agent_with_a_key_is_not_attested(admin):
    held = make_agent(admin.actor)
    with recorded(admin.organization.id):
        response = Api(admin.token).post(f"{held.path}/attest", {"reason": "trust me"})
    assert response.status_code == 409
    assert "challenge" in response.json()["detail"]


@pytest.mark.requirement("R.2")
def test_a_manager_does_not_attest(admin):
    manager = make_person(admin.organization, Role.MANAGER)
    held = make_agent(admin.actor, with_key=False)
    assert Api(manager.token).post(f"{held.path}/attest", {"reason": "trust me"}).status_code == 403
    assert attest_agent(admin.actor, held.agent.id, reason="seen").status == AgentStatus.VERIFIED
