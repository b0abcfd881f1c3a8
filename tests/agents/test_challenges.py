import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from agents.errors import ChallengeFailedError, ChallengeGoneError
from agents.models import Agent, Challenge, PublicKey
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from agents.services.lifecycle import revoke_agent, suspend_agent
from agents.services.public_keys import propose_public_key
from agents.services.registration import register_agent
from aim import clock
from aim.ledger.events import Event
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import configuration, make_agent, make_verified_agent, pem_of, signature
from tests.factories.api import Api, messages
from tests.factories.ledger import recorded
from tests.factories.threads import at_once


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def held(admin):
    return make_agent(admin.actor)


def respond(api, held, challenge, **body):
    return api.post(f"{held.path}/challenge/{challenge['id']}/response", body)


@pytest.mark.requirement("W2.8")
@pytest.mark.parametrize("who", ["agent", "person"])
def test_a_right_answer_verifies_the_agent(admin, held, who):
    api = Api(held.api_key if who == "agent" else admin.token)
    with recorded(admin.organization.id, Event.CHALLENGE_ISSUED):
        challenge = api.post(f"{held.path}/challenge").json()
    epoch = held.agent.runtime.epoch
    with recorded(admin.organization.id, Event.AGENT_VERIFIED):
        response = respond(api, held, challenge, signature=signature(held.key, challenge["statement"]))
    assert response.status_code == 200
    agent = response.json()
    assert (agent["status"], agent["trust_score"], agent["verification_method"]) == ("verified", 100, "challenge")
    assert agent["public_keys"][0]["status"] == "active"
    held.agent.runtime.refresh_from_db()
    assert held.agent.runtime.epoch == epoch + 1


@pytest.mark.requirement("W2.8")
def test_the_statement_names_everything_it_is_for(admin, held):
    challenge = Api(held.api_key).post(f"{held.path}/challenge").json()
    lines = challenge["statement"].split("\n")
    values = dict(line.split(": ", 1) for line in lines[1:])
    assert lines[0] == "aim-challenge-v1"
    assert values["audience"] == settings.ORIGIN
    assert values["organization"] == admin.organization.public_id
    assert values["subject"] == held.agent.public_id
    assert len(base64.urlsafe_b64decode(values["nonce"] + "==")) == 32
    assert values["issued"] < values["expires"] == challenge["expires_at"]


def test_an_answer_for_one_agent_proves_nothing_for_another_with_the_same_key(admin, held):
    other = register_agent(admin.actor, configuration(), public_key=pem_of(held.key)).agent
    mine, theirs = issue_challenge(admin.actor, held.agent.id), issue_challenge(admin.actor, other.id)
    relayed = Answer(signature=signature(held.key, mine.statement))
    with pytest.raises(ChallengeFailedError):
        answer_challenge(admin.actor, other.id, challenge_id=theirs.id, answer=relayed)
    response = Api(admin.token).post(f"/agents/{other.public_id}/challenge/{mine.id}/response", {"signature": "AA=="})
    assert response.status_code == 404


@pytest.mark.requirement("W2.8")
def test_a_wrong_answer_is_on_record_and_uses_the_challenge_up(admin, held):
    api = Api(held.api_key)
    challenge = api.post(f"{held.path}/challenge").json()
    with recorded(admin.organization.id, Event.CHALLENGE_FAILED):
        wrong = respond(api, held, challenge, signature=signature(Ed25519PrivateKey.generate(), challenge["statement"]))
    assert wrong.status_code == 400
    assert messages(wrong)[0][0] == "signature"
    with recorded(admin.organization.id):
        late = respond(api, held, challenge, signature=signature(held.key, challenge["statement"]))
    assert late.status_code == 409
    assert Agent.objects.get(id=held.agent.id).status == "pending"


def test_one_of_many_parallel_answers_counts(admin, held):
    challenge = issue_challenge(admin.actor, held.agent.id)
    answer = Answer(signature=signature(held.key, challenge.statement))
    with recorded(admin.organization.id, Event.AGENT_VERIFIED):
        results = at_once(
            10,
            lambda _: answer_challenge(admin.actor, held.agent.id, challenge_id=challenge.id, answer=answer),
        )
    assert sorted(type(result).__name__ for result in results) == ["Agent"] + ["ChallengeGoneError"] * 9


def test_an_expired_challenge_is_gone(admin, held):
    challenge = issue_challenge(admin.actor, held.agent.id)
    Challenge.objects.filter(id=challenge.id).update(expires_at=clock.now() - timedelta(seconds=1))
    answer = Answer(signature=signature(held.key, challenge.statement))
    with recorded(admin.organization.id), pytest.raises(ChallengeGoneError, match="expired"):
        answer_challenge(admin.actor, held.agent.id, challenge_id=challenge.id, answer=answer)


@pytest.mark.parametrize("end", [suspend_agent, revoke_agent])
def test_a_suspended_or_revoked_agent_is_not_verified(admin, held, end):
    challenge = issue_challenge(admin.actor, held.agent.id)
    end(admin.actor, held.agent.id, reason="test")
    api = Api(held.api_key)
    assert api.post(f"{held.path}/challenge").status_code == 409
    response = api.post(
        f"{held.path}/challenge/chl_{challenge.id.hex}/response",
        {"signature": signature(held.key, challenge.statement)},
    )
    assert response.status_code == 409
    assert Agent.objects.get(id=held.agent.id).status in {"suspended", "revoked"}


def test_without_a_key_there_is_no_challenge(admin):
    held = make_agent(admin.actor, with_key=False)
    response = Api(held.api_key).post(f"{held.path}/challenge")
    assert response.status_code == 409
    assert "attest" in response.json()["detail"]


def test_an_agent_acts_for_itself_only(admin, held):
    other = make_agent(admin.actor)
    assert Api(other.api_key).post(f"{held.path}/challenge").status_code == 404


def _rsa():
    key = rsa.generate_private_key(65537, 2048)
    return key, lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256()), None


def _rsa_pss():
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    return key, lambda text: key.sign(text, pss, hashes.SHA512()), "rsa-pss-sha512"


def _p256():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, lambda text: key.sign(text, ec.ECDSA(hashes.SHA256())), None


@pytest.mark.requirement("W2.6", "W2.8")
@pytest.mark.parametrize("make", [_rsa, _rsa_pss, _p256])
def test_every_kind_of_key_can_be_proved(admin, make):
    key, sign, algorithm = make()
    agent = register_agent(admin.actor, configuration(), public_key=pem_of(key)).agent
    challenge = issue_challenge(admin.actor, agent.id)
    answer = Answer(base64.b64encode(sign(challenge.statement.encode())).decode(), algorithm)
    assert answer_challenge(admin.actor, agent.id, challenge_id=challenge.id, answer=answer).status == "verified"


def test_a_key_that_was_replaced_meanwhile_proves_nothing(admin, held):
    challenge = issue_challenge(admin.actor, held.agent.id)
    propose_public_key(admin.actor, held.agent.id, public_key=pem_of(Ed25519PrivateKey.generate()))
    answer = Answer(signature=signature(held.key, challenge.statement))
    with pytest.raises(ChallengeGoneError, match="replaced"):
        answer_challenge(admin.actor, held.agent.id, challenge_id=challenge.id, answer=answer)
    assert PublicKey.objects.filter(agent=held.agent, status="active").count() == 0


def test_a_verified_agent_has_nothing_left_to_prove(admin):
    held = make_verified_agent(admin.actor)
    assert Api(held.api_key).post(f"{held.path}/challenge").status_code == 409


@pytest.mark.requirement("R.1")
def test_another_agents_challenge_is_unknown_before_the_body_is_judged(admin):
    mine, other = make_agent(admin.actor), make_agent(admin.actor)
    theirs = issue_challenge(admin.actor, other.agent.id)
    for challenge in (f"chl_{theirs.id.hex}", "chl_" + "0" * 32):
        response = Api(mine.api_key).post(f"{mine.path}/challenge/{challenge}/response", {"nonsense": 1})
        assert response.status_code == 404
