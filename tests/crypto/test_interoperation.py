"""Requests signed by an independent implementation, as a client of ours would use it."""

from datetime import UTC, datetime, timedelta

import http_sf
import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.crypto.message_signatures import ParsedSignature, check_signature, read_signature
from aim.crypto.signature_base import SignedMessage
from aim.crypto.signing import sign_request
from aim.crypto.structured_fields import MalformedFieldError, read_byte_sequences, read_inner_lists
from tests.crypto import keys

pytestmark = pytest.mark.requirement("W4.2")
CASES = [
    ("ed25519", algorithms.ED25519),
    ("ecdsa-p256", algorithms.ECDSA_P256_SHA256),
    ("rsa", algorithms.RSA_V1_5_SHA256),
    ("rsa", algorithms.RSA_PSS_SHA512),
]
URL = "https://aim.example:443/api/v1/verify/action"
BODY = b'{"agent_id": "agt_1"}'


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, key_type):
        self.key = keys.private_key(key_type)

    def resolve_private_key(self, _key_id):
        return self.key

    def resolve_public_key(self, _key_id):
        return self.key.public_key()


class Request:
    def __init__(self, url, headers):
        self.method, self.url, self.headers = "POST", url, dict(headers)


def theirs(url, key_type, algorithm, now, *, also=()):
    request = Request(url, {"Content-Type": "application/json"})
    HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Keys(key_type)).sign(
        request,
        key_id=keys.signer(key_type).keyid,
        created=now,
        expires=now + timedelta(seconds=60),
        nonce="0123456789abcdefABCDEF",
        tag="aim-verify",
        covered_component_ids=("@method", "@authority", "@path", "@query", "content-type", *also),
        body=BODY,
    )
    return [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]


@pytest.mark.parametrize(("key_type", "algorithm"), CASES)
@pytest.mark.parametrize("query", ["", "?a=1&b=%20"])
@pytest.mark.parametrize("host", ["aim.example", "AIM.example:443", "aim.example:8443", "[::1]:8443"])
def test_we_accept_what_another_library_signs(key_type, algorithm, query, host):
    now = datetime.now(UTC)
    headers = theirs(f"https://{host}/api/v1/verify/action{query}", key_type, algorithm, now)
    message = SignedMessage("POST", "https", host.encode(), b"/api/v1/verify/action", query[1:].encode(), headers, BODY)
    parsed = read_signature(message)
    assert isinstance(parsed, ParsedSignature)
    assert check_signature(parsed, message, keys.verifier(key_type), now=now.timestamp()) is None
    changed = message._replace(path=b"/api/v1/verify/other")
    assert check_signature(parsed, changed, keys.verifier(key_type), now=now.timestamp()) is not None


@pytest.mark.parametrize("query", ["", "?a=1"])
def test_we_agree_on_the_whole_target(query):
    now = datetime.now(UTC)
    also = ("@target-uri", "@scheme", "@request-target")
    headers = theirs(f"https://aim.example/x%20y{query}", "ed25519", algorithms.ED25519, now, also=also)
    message = SignedMessage("POST", "https", b"aim.example", b"/x%20y", query[1:].encode(), headers, BODY)
    parsed = read_signature(message)
    assert isinstance(parsed, ParsedSignature)
    assert set(also) < set(parsed.components)
    assert check_signature(parsed, message, keys.verifier(), now=now.timestamp()) is None


@pytest.mark.parametrize(("key_type", "algorithm"), CASES)
@pytest.mark.parametrize("query", ["", "?a=1"])
def test_another_library_accepts_what_we_sign(key_type, algorithm, query):
    headers = sign_request(keys.signer(key_type), "POST", URL + query, body=BODY, algorithm=algorithm.algorithm_id)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Keys(key_type))
    results = verifier.verify(Request(URL + query, headers), body=BODY)
    assert len(results) == 1


PIECES = [
    "a",
    "b=",
    "sig",
    "=",
    "(",
    ")",
    '"x"',
    '"',
    "\\",
    ";",
    "c=1",
    "-1.5",
    ":YQ==:",
    ":",
    "?1",
    "tok/en",
    ",",
    "*",
    "1",
    "@1",
    "%",
]
TEXT = st.lists(st.sampled_from([*PIECES, " ", ", ", "\t"]), max_size=14).map("".join)


@given(TEXT)
@settings(max_examples=500, deadline=None)
def test_whatever_we_can_read_is_a_structured_field(text):
    for read in (read_inner_lists, read_byte_sequences):
        try:
            members = read(text)
        except MalformedFieldError:
            continue
        parsed = http_sf.parse(text.encode(), tltype="dictionary")
        assert isinstance(parsed, dict)
        assert list(parsed) == list(members)
