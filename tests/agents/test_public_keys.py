import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import Role
from agents.models import PublicKey
from agents.services.lifecycle import suspend_agent
from aim.ledger.events import Event
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_verified_agent, pem_of, signature
from tests.factories.api import Api
from tests.factories.ledger import recorded


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def held(admin):
    return make_verified_agent(admin.actor)


def propose(person, held):
    new = Ed25519PrivateKey.generate()
    response = Api(person.token).post(f"{held.path}/keys", {"public_key": pem_of(new)})
    assert response.status_code == 201
    return new, response.json()["id"]


def answer(held, new, **more):
    api = Api(held.api_key)
    challenge = api.post(f"{held.path}/challenge").json()
    body = {"signature": signature(new, challenge["statement"])}
    if "active" in more:
        body["active_key_signature"] = signature(more["active"], challenge["statement"])
    return api.post(f"{held.path}/challenge/{challenge['id']}/response", body)


def statuses(held) -> dict[str, str]:
    return {key.fingerprint: key.status for key in PublicKey.objects.filter(agent=held.agent)}


@pytest.mark.requirement("W2.10")
def test_the_old_keys_consent_changes_the_key_at_once(admin, held):
    with recorded(admin.organization.id, Event.PUBLIC_KEY_PROPOSED):
        new, _ = propose(admin, held)
    assert sorted(statuses(held).values()) == ["active", "unproved"]
    held.agent.runtime.refresh_from_db()
    epoch = held.agent.runtime.epoch
    with recorded(admin.organization.id, Event.CHALLENGE_ISSUED, Event.PUBLIC_KEY_ACTIVATED) as added:
        response = answer(held, new, active=held.key)
    assert response.status_code == 200
    assert sorted(statuses(held).values()) == ["active", "retired"]
    assert added[-1]["data"]["agreed"] == "active_key"
    held.agent.runtime.refresh_from_db()
    assert held.agent.runtime.epoch == epoch + 1


@pytest.mark.requirement("W2.10")
def test_without_the_old_key_a_second_admin_decides(admin, held):
    new, key_id = propose(admin, held)
    with recorded(admin.organization.id, Event.CHALLENGE_ISSUED, Event.PUBLIC_KEY_PROVED):
        assert answer(held, new).status_code == 200
    assert sorted(statuses(held).values()) == ["active", "proved"]
    with recorded(admin.organization.id):
        same_person = Api(admin.token).post(f"{held.path}/keys/{key_id}/confirm")
    assert same_person.status_code == 409
    manager = make_person(admin.organization, Role.MANAGER)
    assert Api(manager.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 403
    second = make_person(admin.organization)
    with recorded(admin.organization.id, Event.PUBLIC_KEY_ACTIVATED) as added:
        assert Api(second.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 200
    assert added[0]["actor"]["label"] == second.user.email
    assert sorted(statuses(held).values()) == ["active", "retired"]
    assert Api(second.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 409


def test_an_unproved_key_is_not_confirmed(admin, held):
    _, key_id = propose(admin, held)
    second = make_person(admin.organization)
    assert Api(second.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 409


def test_a_wrong_signature_of_the_old_key_spoils_the_answer(admin, held):
    new, _ = propose(admin, held)
    with recorded(admin.organization.id, Event.CHALLENGE_ISSUED, Event.CHALLENGE_FAILED):
        response = answer(held, new, active=Ed25519PrivateKey.generate())
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "active_key_signature"
    assert sorted(statuses(held).values()) == ["active", "unproved"]


def test_a_new_proposal_takes_the_place_of_the_old_one(admin, held):
    first, key_id = propose(admin, held)
    answer(held, first)
    propose(admin, held)
    assert sorted(statuses(held).values()) == ["active", "retired", "unproved"]
    second = make_person(admin.organization)
    assert Api(second.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 409


def test_the_active_key_is_not_proposed_again(admin, held):
    response = Api(admin.token).post(f"{held.path}/keys", {"public_key": pem_of(held.key)})
    assert response.status_code == 409


def test_a_suspended_agent_may_change_keys_and_stays_suspended(admin, held):
    suspend_agent(admin.actor, held.agent.id, reason="the key leaked")
    new, _ = propose(admin, held)
    response = answer(held, new, active=held.key)
    assert response.json()["status"] == "suspended"
    assert sorted(statuses(held).values()) == ["active", "retired"]


def test_a_key_of_another_agent_is_unknown(admin, held):
    other = make_verified_agent(admin.actor)
    _, key_id = propose(admin, other)
    second = make_person(admin.organization)
    assert Api(second.token).post(f"{held.path}/keys/{key_id}/confirm").status_code == 404
