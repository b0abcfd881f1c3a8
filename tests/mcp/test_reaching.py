"""A changed verification URL is called as a run would call it, before it is kept."""

import socket
import time
from datetime import UTC, datetime

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.urls import reverse

from aim import clock
from mcp.models import Credential, McpServer, ServerKey, VerificationRun
from mcp.services.credentials import set_credential
from mcp.services.runs import perform_run, start_run
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.api import Api, messages
from tests.factories.mcp import make_server
from tests.mcp.hostile import raw_server
from tests.mcp.sdk.running import pem, sdk_server

pytestmark = pytest.mark.usefixtures("loopback")

MOVED = "/moved"
ENDPOINT = "Cannot reach verification endpoint. Check URL and network."


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture(scope="module")
def clients():
    """The authority whose certificates the server wants to see."""
    return trustme.CA()


def registered(admin, sdk, **fields) -> McpServer:
    server = make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields(**fields))
    server.runs.all().delete()
    ServerKey.objects.filter(server=server).update(status="active", proved_at=clock.now())
    return server


def show_certificate(admin, server, issuer) -> None:
    leaf = issuer.issue_cert("aim.example")
    certificate = b"".join(part.bytes() for part in leaf.cert_chain_pems).decode()
    fields = {"certificate": certificate, "private_key": leaf.private_key_pem.bytes().decode()}
    set_credential(admin.actor, server.id, method="mtls", fields=fields)


def rotate(admin, server, new, url):
    body = {"public_key": pem_of(new), "server_updated": True, "verification_url": url}
    return Api(admin.token).call("PUT", f"/mcp-servers/{server.public_id}/rotate-key", body)


def reached(admin, server, url) -> str:
    """What the button that tests an address says."""
    address = reverse("mcp:server-reach", args=[server.public_id])
    response = browser_of(admin).post(address, {"verification_url": url})
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.requirement("W9.2", "W6.6")
def test_a_server_of_mutual_tls_moves_to_another_address_of_its_own(admin, authority, clients):
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with sdk_server(
        authority=authority, client_authority=clients, key=old, verification_key=new, previous_key=pem(old)
    ) as sdk:
        server = registered(admin, sdk, auth_method="mtls")
        before, moved = server.verification_url, f"{sdk.origin}{MOVED}"
        show_certificate(admin, server, trustme.CA())
        refused = rotate(admin, server, new, moved)
        assert refused.status_code == 400
        assert messages(refused)[0] == (
            "verification_url",
            "The server refused AIM's credential. Check authentication method and credential.",
        )
        show_certificate(admin, server, clients)
        assert "The address answers." in reached(admin, server, moved)
        begun = rotate(admin, server, new, moved)
        assert begun.status_code == 200, begun.content
        rotation = server.rotations.get()
        for state in ("proving", "rolling"):
            server.refresh_from_db()
            assert server.verification_url == before
            run = VerificationRun.objects.filter(server=server, purpose="new_key", state="waiting").first()
            run = run or start_run(None, server.id, purpose="new_key", trigger="command", key=rotation.new_key)
            run = perform_run(run.id)
            assert run.state == "succeeded", run.steps
            rotation.refresh_from_db()
            assert rotation.state == state
    server.refresh_from_db()
    assert server.verification_url == moved


@pytest.mark.requirement("W9.2")
def test_a_certificate_that_is_named_itself_is_trusted(admin, authority):
    leaf = authority.issue_cert("localhost")
    with sdk_server(authority=authority, certificate=leaf) as sdk:
        server = registered(admin, sdk, ca_certificate=leaf.cert_chain_pems[0].bytes().decode())
        assert "The address answers." in reached(admin, server, f"{sdk.origin}{MOVED}")


@pytest.mark.requirement("W9.2")
def test_the_credential_goes_to_the_servers_own_origin_alone(admin, authority):
    with (
        sdk_server(authority=authority, auth={"method": "bearer", "token": "k-123"}) as sdk,
        raw_server(lambda connection: heard.append(connection.recv(4096))) as port,
    ):
        heard: list[bytes] = []
        server = registered(admin, sdk, auth_method="api_key")
        assert "No credential has been set" in reached(admin, server, f"{sdk.origin}{MOVED}")
        set_credential(admin.actor, server.id, method="api_key", fields={"api_key": "k-123"})
        assert "The address answers." in reached(admin, server, f"{sdk.origin}{MOVED}")
        assert ENDPOINT in reached(admin, server, f"http://localhost:{port}/verify")
        assert heard
        assert b"k-123" not in b"".join(heard)
        Credential.objects.filter(server=server).update(encrypted=b"nothing of ours")
        said = reached(admin, server, f"{sdk.origin}{MOVED}")
        assert "The credential cannot be decrypted with any of the master keys. Set it again." in said


@pytest.mark.requirement("W9.2", "W8.5")
def test_each_failure_of_the_address_has_its_sentence(admin, authority, sdk, settings):
    server = registered(admin, sdk, timeout_seconds=1)
    assert "Enter an address first." in reached(admin, server, " ")
    assert "The address answers." in reached(admin, server, server.verification_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    said = reached(admin, server, f"https://localhost:{nobody}/verify")
    assert ENDPOINT in said
    assert "The address answers." not in said
    assert ENDPOINT in reached(admin, server, "https://no-such-host.invalid/verify")
    expired = authority.issue_cert("localhost", not_after=datetime(2026, 1, 1, tzinfo=UTC))
    for issuer, shown, sentence in (
        (authority, expired, "TLS certificate expired. Update certificate and retry."),
        (trustme.CA(), None, "TLS certificate validation failed. Upload valid certificate."),
    ):
        with sdk_server(authority=issuer, certificate=shown) as other:
            assert sentence in reached(admin, server, f"{other.origin}/verify")
    with raw_server(lambda _connection: time.sleep(3)) as port:
        said = reached(admin, server, f"http://localhost:{port}/verify")
        assert "Server connection timed out. Increase timeout or check server." in said
    assert "This address may not be called." in reached(admin, server, "https://169.254.169.254/verify")
    stranger = make_person(make_organization())
    address = reverse("mcp:server-reach", args=[server.public_id])
    assert browser_of(stranger).post(address, {"verification_url": server.url}).status_code == 404
    server.refresh_from_db()
    assert server.verification_url == f"{sdk.origin}/verify"
