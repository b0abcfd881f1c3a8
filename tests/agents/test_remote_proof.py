"""Agents that prove their key at a verification URL of their own."""

import importlib.util
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as django_settings

from agents.models import Challenge, PublicKey
from agents.services.remote_proof import ask_for_signature, next_waiting, start_remote_proof, tend_proofs
from aim import clock
from aim.ledger.events import Event
from aim.outbound.places import allowed_networks
from aim.rounds import Crew
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.api import Api, messages
from tests.factories.ledger import recorded
from tests.factories.timing import wait_until
from tests.mcp.hostile import Bent, as_json, bent_server

RESPONDER = Path(__file__).parents[2] / "docs" / "examples" / "mcp_responder.py"


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    allowed_networks.cache_clear()
    yield
    allowed_networks.cache_clear()


@pytest.fixture
def admin():
    return make_person(make_organization())


def responder(key, url):
    spec = importlib.util.spec_from_file_location("mcp_responder", RESPONDER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return module, module.Responder(private_key=pem, url=url, audience=django_settings.ORIGIN)


@pytest.mark.requirement("W2.8")
def test_an_agent_is_verified_at_its_verification_url(admin):
    held, api = make_agent(admin.actor), Api(admin.token)
    assert api.post(f"{held.path}/verify", {}).status_code == 409
    with bent_server(Bent(key=held.key)) as server:
        url = f"{server.origin}/verify"
        begun = api.post(f"{held.path}/verify", {"verification_url": url})
        assert begun.status_code == 202, begun.content
        challenge = Challenge.objects.get(agent=held.agent)
        assert f"url: {url}" in challenge.statement
        # What the documented responder signs is what AIM asks for.
        _, signs = responder(held.key, url)
        assert signs.sign(challenge.statement)
        with recorded(admin.organization.id, Event.AGENT_VERIFIED):
            ask_for_signature(challenge.id)
            ask_for_signature(challenge.id)
        assert len(server.seen) == 1
    shown = api.get(held.path).json()
    assert (shown["status"], shown["trust_score"], shown["verification_url"]) == ("verified", 100, url)


@pytest.mark.requirement("W2.8")
def test_the_steps_are_kept_and_a_verified_agent_proves_its_key_again(admin):
    held, api = make_verified_agent(admin.actor), Api(admin.token)
    before = clock.now()
    with bent_server(Bent(key=held.key)) as server:
        begun = api.post(f"{held.path}/verify", {"verification_url": f"{server.origin}/verify"})
        challenge = Challenge.objects.get(agent=held.agent, asked_at=None, used_at=None)
        followed = f"{held.path}/challenge/{challenge.public_id}"
        assert begun.json()["id"] == challenge.public_id
        assert [step["result"] for step in api.get(followed).json()["steps"]] == ["waiting"] * 4
        with recorded(admin.organization.id, Event.AGENT_REVERIFIED):
            ask_for_signature(challenge.id)
    shown = api.get(followed).json()
    assert shown["state"] == "succeeded"
    assert [(step["name"], step["result"]) for step in shown["steps"]] == [
        ("connect", "passed"),
        ("tls", "skipped"),
        ("challenge", "passed"),
        ("signature", "passed"),
    ]
    assert PublicKey.objects.filter(agent=held.agent, proved_at__gt=before).exists()
    assert Api(make_person(make_organization()).token).get(followed).status_code == 404


@pytest.mark.requirement("W8.5")
@pytest.mark.parametrize(
    ("bend", "code", "text"),
    [
        (None, "signature_invalid", "Cryptographic verification failed. Check private key matches public key."),
        (as_json({}, 500), "unreachable", "Cannot reach verification endpoint. Check URL and network."),
        (as_json({}, 403), "signature_invalid", "Cryptographic signature invalid. Check public key."),
    ],
)
def test_each_failure_has_the_sentence_of_the_document(admin, bend, code, text):
    held, api = make_verified_agent(admin.actor), Api(admin.token)
    with bent_server(Bent(key=make_agent(admin.actor).key)) as server:
        server.bends = {"/verify": lambda _message: bend} if bend else {}
        begun = api.post(f"{held.path}/verify", {"verification_url": f"{server.origin}/verify"}).json()
        challenge = Challenge.objects.get(agent=held.agent, asked_at=None, used_at=None)
        with recorded(admin.organization.id, Event.CHALLENGE_FAILED):
            assert ask_for_signature(challenge.id) is None
    shown = api.get(f"{held.path}/challenge/{begun['id']}").json()
    assert (shown["state"], shown["error_code"], shown["error"]) == ("failed", code, text)
    assert api.get(held.path).json()["status"] == "verified"


@pytest.mark.requirement("W2.8")
def test_what_goes_wrong_is_in_the_history_and_the_challenge_is_gone(admin):
    held, api = make_agent(admin.actor), Api(admin.token)
    stranger = make_agent(admin.actor)
    with bent_server(Bent(key=stranger.key)) as server:
        url = f"{server.origin}/verify"
        for bend in (None, lambda _message: as_json({}), lambda _message: as_json({}, 500)):
            server.bends = {} if bend is None else {"/verify": bend}
            api.post(f"{held.path}/verify", {"verification_url": url})
            challenge = Challenge.objects.filter(agent=held.agent).latest("created_at")
            with recorded(admin.organization.id, Event.CHALLENGE_FAILED):
                assert ask_for_signature(challenge.id) is None
            challenge.refresh_from_db()
            assert challenge.used_at is not None
    api.post(f"{held.path}/verify", {"verification_url": "https://169.254.169.254/"})
    challenge = Challenge.objects.filter(agent=held.agent).latest("created_at")
    with recorded(admin.organization.id, Event.CHALLENGE_FAILED):
        ask_for_signature(challenge.id)
    assert api.get(held.path).json()["status"] == "pending"


def test_a_responder_signs_for_nobody_else(admin):
    held = make_agent(admin.actor)
    api = Api(admin.token)
    api.post(f"{held.path}/verify", {"verification_url": "https://agent.example.com/verify"})
    statement = Challenge.objects.get(agent=held.agent).statement
    module, other = responder(held.key, "https://elsewhere.example.com/verify")
    with pytest.raises(module.RefusedError, match="another server"):
        other.sign(statement)
    module, mine = responder(held.key, "https://agent.example.com/verify")
    for bad in (
        statement.replace("aim-challenge-v1", "aim-challenge-v2"),
        statement + "\nmore: x",
        statement.replace(f"audience: {django_settings.ORIGIN}", "audience: https://evil.example"),
        statement.replace("expires: 20", "expires: 19"),
        statement + "\nnext_key: x",
    ):
        with pytest.raises(module.RefusedError):
            mine.sign(bad)
    assert mine.sign(statement)


@pytest.mark.requirement("R.2")
def test_who_may_not_change_keys_sets_no_url(admin):
    held = make_agent(admin.actor)
    member = Api(make_person(admin.organization, Role.MEMBER).token)
    assert member.post(f"{held.path}/verify", {"verification_url": "https://x.example"}).status_code == 403
    refused = Api(admin.token).post(f"{held.path}/verify", {"verification_url": "http://x.example"})
    assert messages(refused)[0][0] == "verification_url"


def waiting_for_a_worker(admin, url):
    """Its proof is begun; here is no worker that could be told of it."""
    held, api = make_verified_agent(admin.actor), Api(admin.token)
    assert api.post(f"{held.path}/verify", {"verification_url": url}).status_code == 202
    return Challenge.objects.get(agent=held.agent, asked_at=None, used_at=None)


def age(challenge, by):
    """As if it had been issued before."""
    times = {"created_at": challenge.created_at - by, "expires_at": challenge.expires_at - by}
    Challenge.objects.filter(id=challenge.id).update(**times)


@pytest.mark.requirement("W2.8")
def test_a_place_that_becomes_free_takes_up_the_proof_that_waits_longest(empty_database, admin):
    with bent_server(Bent(key=make_agent(admin.actor).key)) as server:
        waiting = [waiting_for_a_worker(admin, f"{server.origin}/verify") for _ in range(4)]
        for place, challenge in enumerate(waiting):
            age(challenge, timedelta(seconds=60 - 10 * place))
        age(waiting[3], timedelta(minutes=6))
        assert next_waiting() == waiting[0].id
        crew = Crew("one", size=1, work=ask_for_signature, following=next_waiting)
        assert crew.begin(waiting[2].id)
        assert not crew.begin(waiting[0].id)
        wait_until(lambda: not any(thread.name == "one-crew" for thread in threading.enumerate()))
    asked = Challenge.objects.filter(id__in=[challenge.id for challenge in waiting]).exclude(asked_at=None)
    order = asked.order_by("asked_at").values_list("id", flat=True)
    assert list(order) == [waiting[place].id for place in (2, 0, 1)]  # What has expired is asked by nobody.


@pytest.mark.requirement("W2.8")
def test_beat_tells_of_a_few_proofs_that_wait_and_of_none_that_somebody_sees_to(empty_database, admin):
    waiting = [waiting_for_a_worker(admin, "https://agent.example.com/verify") for _ in range(11)]
    assert tend_proofs() == 0
    for challenge in waiting:
        age(challenge, timedelta(minutes=1))
    assert tend_proofs() == 8
    Challenge.objects.filter(id__in=[challenge.id for challenge in waiting[:9]]).update(asked_at=clock.now())
    assert tend_proofs() == 2
    held = waiting[0].agent
    with recorded(admin.organization.id, Event.CHALLENGE_ISSUED):
        own = start_remote_proof(admin.actor, held.id, again=True, here=True)
    age(own, timedelta(minutes=1))
    assert tend_proofs() == 2
    assert ask_for_signature(own.id) is None
    own.refresh_from_db()
    assert own.used_at is None
