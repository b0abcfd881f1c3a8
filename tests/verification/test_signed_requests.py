"""Signatures and nonces in the decision: each attack is answered alike by both lanes, and no nonce decides twice."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.crypto.signing import Signer
from aim.ids import IdKind, parse_id
from tests.verification.world import LANES, make_agent, make_organization, native, patient
from verification.models import Nonce, Verification

pytestmark = pytest.mark.requirement("W4.2")
SEND = {"native": native, "patient": patient}


@pytest.fixture(scope="module")
def signed():
    _, admin = make_organization()
    return make_agent(admin, signed=True, calls_per_hour=100_000)


@pytest.mark.parametrize("lane", LANES)
def test_good_signature_passes(signed, lane):
    assert LANES[lane](signed).status == 200


@pytest.mark.parametrize("lane", SEND)
def test_unsigned_request_of_a_signing_agent_is_refused(signed, lane):
    raw, headers = signed.request()
    reply = SEND[lane](raw, {"Authorization": headers["Authorization"]})
    assert (reply.status, reply.json()["code"]) == (403, "signature_missing")


@pytest.mark.parametrize("lane", SEND)
def test_altered_body_is_refused(signed, lane):
    raw, headers = signed.request()
    reply = SEND[lane](raw.replace(b"config.json", b"secret.json"), headers)
    assert (reply.status, reply.json()["code"], reply.json()["reason"]) == (
        403,
        "signature_invalid",
        "Invalid signature",
    )


@pytest.mark.parametrize("lane", SEND)
@pytest.mark.parametrize("header", ["Signature", "Signature-Input", "Content-Digest"])
def test_missing_part_of_the_signature_is_refused(signed, lane, header):
    raw, headers = signed.request()
    del headers[header]
    reply = SEND[lane](raw, headers)
    assert reply.status == 403
    assert reply.json()["code"] in {"signature_missing", "signature_invalid"}


@pytest.mark.parametrize("lane", SEND)
def test_query_that_was_not_signed_is_refused(signed, lane):
    raw, headers = signed.request()
    reply = SEND[lane](raw, headers, path="/api/v1/verify/action?debug=1")
    assert (reply.status, reply.json()["code"]) == (403, "signature_invalid")


@pytest.mark.parametrize("lane", LANES)
def test_signature_of_another_key_is_refused(signed, lane):
    stranger = Signer(Ed25519PrivateKey.generate())
    own, signed.signer = signed.signer, stranger
    try:
        reply = LANES[lane](signed)
    finally:
        signed.signer = own
    assert (reply.status, reply.json()["code"]) == (403, "signature_invalid")


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("age", "expected"), [(85, 200), (95, 403), (-25, 200), (-40, 403)])
def test_age_of_a_signature_is_bounded(signed, lane, age, expected):
    reply = LANES[lane](signed, created=int(time.time()) - age)
    assert reply.status == expected
    if expected == 403:
        assert reply.json()["code"] == "signature_expired"


@pytest.mark.parametrize("lane", SEND)
def test_same_signed_request_gives_the_stored_decision(signed, lane):
    raw, headers = signed.request()
    first = SEND[lane](raw, headers)
    again = [SEND[other](raw, headers) for other in SEND]
    assert {reply.body for reply in again} == {first.body}
    assert {reply.status for reply in again} == {200}


def test_replays_at_once_decide_once(signed):
    raw, headers = signed.request()
    before = Verification.objects.filter(agent_id=signed.agent.id).count()
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: native(raw, headers), range(100)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert Verification.objects.filter(agent_id=signed.agent.id).count() == before + 1


@pytest.mark.parametrize("lane", LANES)
def test_nonce_with_another_request_is_a_replay(signed, lane):
    nonce = "A" * 20 + str(time.time_ns())[-6:]
    assert LANES[lane](signed, nonce=nonce).status == 200
    reply = LANES[lane](signed, signed.body(resource="/app/other.json"), nonce=nonce)
    assert (reply.status, reply.json()["code"]) == (403, "replayed")
    stored = Verification.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))
    assert stored.code == "replayed"


def test_nonce_of_a_bad_signature_is_not_spent(signed):
    nonce = "B" * 20 + str(time.time_ns())[-6:]
    raw, headers = signed.request(nonce=nonce)
    assert native(raw.replace(b"config.json", b"secret.json"), headers).status == 403
    assert native(raw, headers).status == 200


def test_same_nonce_of_two_agents_is_two_nonces():
    _, admin = make_organization()
    one, two = make_agent(admin, signed=True), make_agent(admin, signed=True)
    nonce = "C" * 22
    assert one.ask_natively(nonce=nonce).status == two.ask_natively(nonce=nonce).status == 200
    assert Nonce.objects.filter(agent_id__in=[one.agent.id, two.agent.id]).count() == 2


def test_key_of_another_agent_with_its_keyid_is_refused():
    _, admin = make_organization()
    victim, thief = make_agent(admin, signed=True), make_agent(admin, signed=True)
    raw = json.dumps(thief.body()).encode()
    headers = victim.headers(raw) | {"Authorization": f"Bearer {thief.api_key}"}
    assert native(raw, headers).json()["code"] == "signature_invalid"


def test_denied_request_of_a_nonce_stays_denied(signed):
    raw, headers = signed.request(signed.body(action_type="file_delete"))
    first, again = native(raw, headers), native(raw, headers)
    assert first.status == 403
    assert first.body == again.body
