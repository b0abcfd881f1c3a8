"""The floors do what the product does: they refuse what is not signed by the agent."""

import time

import msgspec
import pytest

from tests.bench.agents import new_agent
from tests.bench.floor_checks import Checks, ParsedAction
from tests.bench.presigned import PATH, presign

AUTHORITY = "127.0.0.1:8000"


@pytest.fixture
def agent():
    return new_agent()


@pytest.fixture
def checks(agent):
    return Checks([agent])


def refusal(checks, request, *, body=None, later=0, **changed):
    """Return the code of the refusal, or nothing for an approval."""
    head, _, sent = request.partition(b"\r\n\r\n")
    pairs = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    headers = {name.lower(): value for name, value in pairs}
    scope = {
        "method": "POST",
        "raw_path": PATH.encode(),
        "query_string": b"",
        **changed,
        "headers": [*headers.items(), *changed.get("headers", [])],
    }
    body = sent if body is None else body
    action = msgspec.json.decode(body, type=ParsedAction)
    return checks.run(scope, body, action, now=time.time() + later).refused.decode()


def test_a_signed_request_is_approved(agent, checks):
    (request,) = presign([agent], count=1, authority=AUTHORITY)
    assert refusal(checks, request) == ""


def test_each_request_of_a_run_has_a_nonce_of_its_own(agent, checks):
    requests = presign([agent], count=3, authority=AUTHORITY)
    assert [refusal(checks, request) for request in requests] == ["", "", ""]


def test_a_replay_is_refused(agent, checks):
    (request,) = presign([agent], count=1, authority=AUTHORITY)
    refusal(checks, request)
    assert refusal(checks, request) == "signature_invalid"


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"raw_path": b"/api/v1/verify/other"},
        {"query_string": b"a=1"},
        {"headers": [(b"host", b"127.0.0.1:8001")]},
        {"headers": [(b"signature", b"aim=:AAAA:")]},
        {"headers": [(b"signature-input", b"aim=()")]},
        {"headers": [(b"content-digest", b"sha-256=:AAAA:")]},
        {"later": 3600},
        {"later": -3600},
    ],
    ids=str,
)
def test_what_the_signature_does_not_cover_is_refused(agent, checks, changed):
    (request,) = presign([agent], count=1, authority=AUTHORITY)
    assert refusal(checks, request, **changed) == "signature_invalid"


def test_an_altered_body_is_refused(agent, checks):
    (request,) = presign([agent], count=1, authority=AUTHORITY)
    body = request.partition(b"\r\n\r\n")[2].replace(b"usr_123", b"usr_124")
    assert refusal(checks, request, body=body) == "signature_invalid"


def test_the_signature_of_another_agent_is_refused(agent, checks):
    other = new_agent()
    mixed = msgspec.structs.replace(agent, seed=other.seed)
    (request,) = presign([mixed], count=1, authority=AUTHORITY)
    assert refusal(checks, request) == "signature_invalid"


def test_an_unknown_bearer_is_refused(checks):
    (request,) = presign([new_agent()], count=1, authority=AUTHORITY)
    assert refusal(checks, request) == "unknown"
