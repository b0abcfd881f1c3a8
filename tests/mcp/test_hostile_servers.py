"""Runs against servers that lie, hang, redirect, grow, rebind, show bad certificates, or sign with another's key."""

import base64
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.outbound import backend
from mcp.models import McpServer
from mcp.services import performing
from mcp.services.credentials import set_credential
from mcp.services.runs import perform_run
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.mcp import make_server
from tests.mcp.hostile import TOOL, Bent, as_json, bent_server, raw_server

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def bent():
    with bent_server(Bent(key=Ed25519PrivateKey.generate())) as running:
        yield running


def verify(admin, fields, *, key=None):
    server = make_server(admin.actor, public_key=pem_of(key) if key else None, **fields)
    run = perform_run(server.runs.get().id)
    server.refresh_from_db()
    assert (run.state == "succeeded") == (server.verification == "verified")
    return run


def failing_step(run):
    return next(step for step in run.steps if step["result"] == "failed")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_the_honest_one_is_verified(admin, bent):
    run = verify(admin, bent.fields(), key=bent.key)
    assert run.state == "succeeded", run.steps


@pytest.mark.requirement("W6.9")
def test_nobody_there(admin):
    run = verify(admin, {"url": f"http://localhost:{free_port()}/mcp"})
    assert (run.error_code, run.error) == (
        "unreachable",
        "Cannot reach server. Check URL and network connectivity.",
    )
    run = verify(admin, {"url": "https://no-such-host.invalid/mcp"})
    assert run.error_code == "unreachable"


@pytest.mark.requirement("W8.5")
def test_nobody_at_the_verification_url(admin, bent):
    fields = bent.fields(verification_url=f"http://localhost:{free_port()}/verify")
    run = verify(admin, fields, key=bent.key)
    assert (run.error_code, run.error) == (
        "unreachable",
        "Cannot reach verification endpoint. Check URL and network.",
    )
    bent.bends["/verify"] = lambda _message: as_json({}, 404)
    assert verify(admin, bent.fields(), key=bent.key).error == run.error


@pytest.mark.requirement("W6.9")
def test_a_server_that_hangs_or_drips_is_given_up_in_time(admin):
    def drip(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.05)

    for talk in (lambda _connection: time.sleep(50), drip):
        with raw_server(talk) as port:
            started = time.monotonic()
            run = verify(admin, {"url": f"http://localhost:{port}/mcp", "timeout_seconds": 1})
            assert (run.error_code, run.error) == (
                "timeout",
                "Server connection timed out. Increase timeout or check server.",
            )
            # Whoever listens to the end is held for 50 s.
            assert time.monotonic() - started < 30


@pytest.mark.requirement("W6.9")
def test_a_failing_health_endpoint(admin, bent):
    bent.bends["/health"] = lambda _message: as_json({}, 503)
    run = verify(admin, bent.fields(health_endpoint="/health"), key=bent.key)
    assert (run.error_code, run.error) == (
        "health_failed",
        "Health endpoint returned error. Check server status.",
    )


@pytest.mark.requirement("W6.9")
def test_redirects_lead_nowhere(admin, bent):
    with bent_server(Bent()) as elsewhere:
        for name in ("/health", "server/discover", "/verify"):
            bent.bends = {name: lambda _message: (307, {"location": elsewhere.url}, b"")}
            run = verify(admin, bent.fields(health_endpoint="/health"), key=bent.key)
            assert run.state == "failed", name
        assert elsewhere.seen == []


@pytest.mark.requirement("W6.9")
def test_addresses_that_must_not_be_called(admin):
    for url in ("https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[64:ff9b::a9fe:a9fe]/"):
        run = verify(admin, {"url": url})
        assert run.error_code == "address_refused", url


def test_a_name_that_moves_between_two_connections_is_refused_at_the_second(admin, bent, monkeypatch):
    resolve, answers = socket.getaddrinfo, iter(range(1000))

    def rebinding(host, port, *arguments, **options):
        if host != "localhost":
            return resolve(host, port, *arguments, **options)
        # The first step sees an address that is good.
        address = "127.0.0.1" if next(answers) < 3 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(backend.socket, "getaddrinfo", rebinding)
    run = verify(admin, bent.fields(), key=bent.key)
    assert (run.steps[0]["result"], run.error_code) == ("passed", "address_refused")


@pytest.mark.requirement("W6.9", "W8.5")
@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("expired", "certificate_expired", "TLS certificate expired. Update certificate and retry."),
        ("foreign", "certificate_invalid", "TLS certificate validation failed. Upload valid certificate."),
        ("other host", "certificate_invalid", "TLS certificate validation failed. Upload valid certificate."),
    ],
)
@pytest.mark.parametrize("method", ["none", "api_key"])
def test_a_certificate_that_is_not_good_gets_nothing_to_read(admin, authority, kind, code, text, method):
    leaf = {
        "expired": lambda: authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1)),
        "foreign": lambda: trustme.CA().issue_cert("localhost"),
        "other host": lambda: authority.issue_cert("mcp.example.com"),
    }[kind]()
    with bent_server(Bent(), leaf=leaf) as server:
        fields = server.fields(ca_certificate=authority.cert_pem.bytes().decode(), auth_method=method)
        made = make_server(admin.actor, **fields)
        if method == "api_key":
            set_credential(admin.actor, made.id, method=method, fields={"api_key": "secret"})
        run = perform_run(made.runs.get().id)
        assert server.seen == []
    assert (run.error_code, run.error) == (code, text)
    step = failing_step(run)
    assert step["name"] == "tls"
    assert step["facts"]["names"] == ["mcp.example.com" if kind == "other host" else "localhost"]
    assert not made.certificates.exists()


def of(message, result):
    return as_json({"jsonrpc": "2.0", "id": message["id"], "result": result})


LIES = {
    "no JSON": ("server/discover", lambda _: (200, {"content-type": "application/json"}, b"<html>")),
    "deep JSON": ("tools/list", lambda _: (200, {"content-type": "application/json"}, b"[" * 100_000)),
    "another id": ("tools/list", lambda _: as_json({"jsonrpc": "2.0", "id": 999, "result": {"tools": []}})),
    "no list": ("tools/list", lambda message: of(message, {"tools": {"read_file": TOOL}})),
    "twice": ("tools/list", lambda message: of(message, {"tools": [TOOL, TOOL]})),
    "no schema": ("tools/list", lambda message: of(message, {"tools": [{"name": "x"}]})),
    "NUL": ("tools/list", lambda message: of(message, {"tools": [{**TOOL, "description": "a\0b"}]})),
    "hidden name": ("tools/list", lambda message: of(message, {"tools": [{**TOOL, "name": "a\u200bb"}]})),
    "inexact": ("tools/list", lambda message: of(message, {"tools": [{**TOOL, "x": 2**60}]})),
    "circle": ("tools/list", lambda message: of(message, {"tools": [], "nextCursor": "again"})),
    "refused": (
        "tools/list",
        lambda message: as_json({"jsonrpc": "2.0", "id": message["id"], "error": {"code": 1, "message": "\x1b[31mno"}}),
    ),
}


@pytest.mark.requirement("W6.3")
@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_not_verified(admin, bent, lie):
    name, answer = LIES[lie]
    bent.bends[name] = answer
    run = verify(admin, bent.fields(), key=bent.key)
    assert run.error_code == "handshake_failed"
    assert failing_step(run)["detail"].isprintable()
    assert not run.server.tools.exists()


@pytest.mark.requirement("W6.3")
def test_a_server_that_grows_is_given_up(admin, bent):
    pages = iter(range(10_000))
    for answer in (
        lambda message: of(message, {"tools": [{**TOOL, "description": "x" * 2_000_000}]}),
        lambda message: of(message, {"tools": [{**TOOL, "description": "x" * 70_000}]}),
        lambda message: of(message, {"tools": [{**TOOL, "name": f"t{n}"} for n in range(1_001)]}),
        lambda message: of(message, {"tools": [], "nextCursor": str(next(pages))}),
    ):
        bent.bends["tools/list"] = answer
        run = verify(admin, bent.fields(), key=bent.key)
        assert run.error_code == "too_large"


def test_a_stream_that_does_not_end_is_read_until_the_answer(admin):
    key = Ed25519PrivateKey.generate()
    honest = Bent(key=key)

    def stream(connection):
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += connection.recv(65536)
        head, _, body = raw.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        _, _, answer = honest.answer(head.split(b" ")[1].decode(), body)
        event = b"event: message\ndata: " + answer + b"\n\n"
        if b"/verify" in head.split(b"\r\n")[0]:
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + answer)
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + event)
        time.sleep(60)

    with raw_server(stream) as port:
        honest.origin = f"http://localhost:{port}"
        started = time.monotonic()
        run = verify(admin, honest.fields(timeout_seconds=60), key=key)
    assert run.state == "succeeded", run.steps
    assert time.monotonic() - started < 40


@pytest.mark.requirement("W6.9", "W8.5")
def test_what_is_no_signature_and_what_is_anothers(admin, bent):
    bent.bends["/verify"] = lambda _message: as_json({"signed": True})
    run = verify(admin, bent.fields(), key=bent.key)
    assert run.error == "Cryptographic signature invalid. Check public key."
    kept: list[dict] = []

    def keep_first(message):
        kept.append(message)
        return as_json({"signature": base64.b64encode(bent.key.sign(kept[0]["challenge"].encode())).decode()})

    bent.bends["/verify"] = keep_first
    assert verify(admin, bent.fields(), key=bent.key).state == "succeeded"
    # A signature that was good once is none of another challenge.
    replayed = verify(admin, bent.fields(), key=bent.key)
    assert replayed.error == "Cryptographic verification failed. Check private key matches public key."


@pytest.mark.requirement("W8.3")
def test_a_relayed_challenge_proves_nothing(admin, sdk, bent):
    """A server with somebody else's public key passes on what it is to sign to whoever has the private key."""
    answers = []

    def relay(message):
        request = urllib.request.Request(
            f"{sdk.origin}/verify", json.dumps(message).encode(), {"Content-Type": "application/json"}
        )
        context = ssl.create_default_context(cadata=sdk.authority)
        try:
            with urllib.request.urlopen(request, context=context) as reply:
                body, status = reply.read(), reply.status
        except urllib.error.HTTPError as error:
            body, status = error.read(), error.code
        answers.append((status, body))
        return status, {"content-type": "application/json"}, body

    bent.bends["/verify"] = relay
    run = verify(admin, bent.fields(), key=sdk.key)
    assert (run.error_code, answers[0][0]) == ("signature_invalid", 403)
    assert "The challenge is for another server." in failing_step(run)["detail"]


@pytest.mark.requirement("W8.3")
def test_an_answer_that_comes_too_late(admin, bent, monkeypatch):
    monkeypatch.setattr(performing, "CHALLENGE_LIFETIME", timedelta(seconds=0.2))

    def late(message):
        time.sleep(0.5)
        return as_json({"signature": base64.b64encode(bent.key.sign(message["challenge"].encode())).decode()})

    bent.bends["/verify"] = late
    run = verify(admin, bent.fields(), key=bent.key)
    assert run.error_code == "challenge_expired"
    assert McpServer.objects.get(id=run.server_id).keys.get().status == "unproved"


@pytest.mark.requirement("W6.2")
def test_the_credential_goes_to_the_server_and_to_no_other_place(admin, bent):
    with bent_server(Bent(key=bent.key)) as elsewhere:
        fields = bent.fields(verification_url=f"{elsewhere.origin}/verify", auth_method="api_key")
        server = make_server(admin.actor, public_key=pem_of(bent.key), **fields)
        set_credential(admin.actor, server.id, method="api_key", fields={"api_key": "s3cret"})
        run = perform_run(server.runs.get().id)
    assert run.state == "succeeded", run.steps
    assert all(headers.get("authorization") == "Bearer s3cret" for _, _, headers, _ in bent.seen)
    assert all("authorization" not in headers for _, _, headers, _ in elsewhere.seen)
    assert len(elsewhere.seen) == 1
