"""Verification runs against a real server of the official SDK, in both eras and by each way of authentication."""

from datetime import timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim import clock
from aim.encryption import decrypt
from aim.ledger.events import Event
from mcp.models import Credential, McpServer, ServerChallenge, ServerKey, VerificationRun
from mcp.services import performing
from mcp.services.credentials import set_credential
from mcp.services.outcomes import settle
from mcp.services.registration import update_server
from mcp.services.rotation import RotationPlan, abandon_rotation, start_rotation
from mcp.services.runs import LOST_AFTER, perform_run, start_run, tend_runs
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.api import Api, messages
from tests.factories.ledger import recorded
from tests.factories.mcp import generation_of, make_server
from tests.mcp.sdk.running import pem, sdk_server

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def admin():
    return make_person(make_organization())


def registered(admin, sdk, **fields):
    return make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields(**fields))


def run_of(server, *, purpose="verification", key=None):
    """Carry out the run that waits, or another."""
    run = server.runs.filter(purpose=purpose, state="waiting").first()
    run = run or start_run(None, server.id, purpose=purpose, trigger="command", key=key)
    perform_run(run.id)
    run.refresh_from_db()
    server.refresh_from_db()
    return run


def new_rsa():
    return rsa.generate_private_key(65537, 2048)


def results(run):
    return {step["name"]: step["result"] for step in run.steps}


@pytest.mark.requirement("W6.3", "W8.3")
def test_registration_begins_a_run_that_verifies_the_server(admin, sdk):
    server = registered(admin, sdk)
    assert (server.verification, server.runs.get().trigger) == ("unverified", "registration")
    generation = generation_of(admin.organization.id)
    with recorded(admin.organization.id, Event.MCP_TOOL_FOUND, Event.MCP_RUN_SUCCEEDED) as added:
        run = run_of(server)
    assert (run.state, run.error) == ("succeeded", ""), run.steps
    assert results(run) == {
        "connect": "passed",
        "authenticate": "skipped",
        "tls": "passed",
        "health": "passed",
        "capabilities": "passed",
        "challenge": "passed",
        "signature": "passed",
    }
    assert (server.verification, server.trust_score, server.consecutive_failures) == ("verified", 100, 0)
    ahead = server.next_verification_at - server.last_verified_at
    assert timedelta(hours=22, minutes=48) <= ahead <= timedelta(hours=24)
    assert (run.protocol, run.tls_version, server.tls_version) == ("2026-07-28", "TLSv1.3", "TLSv1.3")
    [key] = server.keys.all()
    assert (key.status, run.key) == (ServerKey.Status.ACTIVE, key)
    [certificate] = server.certificates.all()
    assert certificate.current
    assert certificate.names == ["localhost"]
    steps = {step["name"]: step for step in run.steps}
    assert steps["capabilities"]["facts"] == {
        "protocol": "2026-07-28",
        "server": "Lambda",
        "server_version": "3.2.1",
        "tools": 5,
        "resources": 1,
        "prompts": 1,
    }
    assert steps["tls"]["facts"]["host"] == "localhost"
    assert all(step["ms"] > 0 for step in run.steps if step["result"] == "passed")
    tools = {tool.name: tool for tool in server.tools.all()}
    assert set(tools) == {"invoke", "list_functions", "extra_000", "extra_001", "extra_002"}
    assert not any(tool.enabled for tool in tools.values())
    assert generation_of(admin.organization.id) > generation
    assert added[0]["data"]["public_key"]["fingerprint"] == key.fingerprint


@pytest.mark.requirement("W6.3")
@pytest.mark.parametrize("json", [True, False])
def test_a_server_of_the_older_era_is_verified_by_a_session(admin, authority, json):
    with sdk_server(authority=authority, era="legacy", json=json) as sdk:
        automatic = run_of(registered(admin, sdk))
        wanted = run_of(registered(admin, sdk, protocol="2025-11-25"))
        newer = run_of(registered(admin, sdk, protocol="2026-07-28"))
    assert (automatic.state, automatic.protocol) == ("succeeded", "2025-11-25"), automatic.steps
    assert (wanted.state, wanted.protocol) == ("succeeded", "2025-11-25")
    assert (newer.state, newer.error_code) == ("failed", "protocol_unsupported")


@pytest.mark.requirement("W8.3")
@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(65537, 4096),
        Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
    ],
    ids=["rsa-2048", "rsa-4096", "ed25519", "p256"],
)
def test_every_type_of_key_can_be_proved(admin, authority, key):
    with sdk_server(authority=authority, key=key) as sdk:
        run = run_of(registered(admin, sdk))
    assert run.state == "succeeded", run.steps


AUTHENTICATION = {
    "api_key": ({"method": "header", "header": "x-api-key", "token": "k-123"}, {"header": "X-API-Key", "scheme": ""}),
    "bearer": ({"method": "bearer", "token": "k-123"}, {}),
    "oauth2": ({"method": "bearer", "token": "t-9", "client_id": "aim", "client_secret": "s e:c"}, {}),
    "hmac": ({"method": "hmac", "key_id": "aim-1", "secret": "0123456789abcdef"}, {}),
}


@pytest.mark.requirement("W6.2", "W6.6")
@pytest.mark.parametrize(("era", "protocol"), [("modern", "2026-07-28"), ("legacy", "2025-11-25")])
@pytest.mark.parametrize("name", AUTHENTICATION)
def test_the_server_lets_in_whoever_has_the_credential_and_nobody_else(admin, authority, name, era, protocol):
    auth, fields = AUTHENTICATION[name]
    method = "api_key" if name == "bearer" else name
    with sdk_server(authority=authority, auth=auth, era=era) as sdk:
        good, bad = {
            "api_key": ({"api_key": "k-123"}, {"api_key": "other"}),
            "bearer": ({"api_key": "k-123"}, {"api_key": "other"}),
            "oauth2": (
                {"token_url": f"{sdk.origin}/token", "client_id": "aim", "client_secret": "s e:c"},
                {"token_url": f"{sdk.origin}/token", "client_id": "aim", "client_secret": "other"},
            ),
            "hmac": (
                {"key_id": "aim-1", "secret": "0123456789abcdef"},
                {"key_id": "aim-1", "secret": "fedcba9876543210"},
            ),
        }[name]
        server = registered(admin, sdk, auth_method=method)
        without = run_of(server)
        assert (without.error_code, results(without)["authenticate"]) == ("authentication_failed", "failed")
        set_credential(admin.actor, server.id, method=method, fields={**fields, **bad})
        assert run_of(server).error_code == "authentication_failed"
        set_credential(admin.actor, server.id, method=method, fields={**fields, **good})
        run = run_of(server)
        assert (run.state, results(run)["authenticate"]) == ("succeeded", "passed"), run.steps
        assert run.protocol == protocol
        none = registered(admin, sdk)
        assert run_of(none).error_code == "authentication_failed"


@pytest.mark.requirement("W6.2", "W6.6")
@pytest.mark.parametrize(("era", "protocol"), [("modern", "2026-07-28"), ("legacy", "2025-11-25")])
def test_mutual_tls_shows_the_certificate_that_the_server_wants(admin, authority, era, protocol):
    clients, strangers = trustme.CA(), trustme.CA()
    with sdk_server(authority=authority, client_authority=clients, era=era) as sdk:
        server = registered(admin, sdk, auth_method="mtls")

        def credential_by(issuer):
            leaf = issuer.issue_cert("aim.example")
            certificate = b"".join(part.bytes() for part in leaf.cert_chain_pems).decode()
            fields = {"certificate": certificate, "private_key": leaf.private_key_pem.bytes().decode()}
            set_credential(admin.actor, server.id, method="mtls", fields=fields)

        credential_by(strangers)
        assert run_of(server).error_code == "authentication_failed"
        credential_by(clients)
        run = run_of(server)
    assert (run.state, run.protocol) == ("succeeded", protocol), run.steps
    assert server.certificates.get(role="client", current=True).names == ["aim.example"]


@pytest.mark.requirement("W6.2")
def test_a_credential_is_encrypted_and_never_shown(admin, sdk):
    server, api = registered(admin, sdk), Api(admin.token)
    path = f"/mcp-servers/{server.public_id}/credential"
    assert api.get(path).status_code == 404
    body = {"method": "api_key", "api_key": "a very secret key"}
    with recorded(admin.organization.id, Event.MCP_CREDENTIAL_SET) as added:
        shown = api.call("PUT", path, body)
    assert shown.status_code == 200, shown.content
    assert shown.json()["shown"] == {"header": "Authorization", "scheme": "Bearer"}
    assert "very secret" not in shown.content.decode() + api.get(path).content.decode() + str(added)
    row = Credential.objects.get(server=server)
    assert b"very secret" not in bytes(row.encrypted)
    assert b"very secret" in decrypt(bytes(row.encrypted))
    assert api.get(f"/mcp-servers/{server.public_id}").json()["auth_method"] == "api_key"
    member = Api(make_person(admin.organization, Role.MEMBER).token)
    assert member.call("PUT", path, body).status_code == 403
    assert messages(api.call("PUT", path, {"method": "hmac", "key_id": "x", "secret": "short"}))[0][0] == "secret"
    assert messages(api.call("PUT", path, {"method": "api_key", "api_key": "x", "header": "Host"}))[0][0] == "header"
    assert messages(api.call("PUT", path, {"method": "api_key", "secret": "x"}))
    with recorded(admin.organization.id, Event.MCP_CREDENTIAL_REMOVED):
        assert api.call("DELETE", path).status_code == 204
    assert api.get(f"/mcp-servers/{server.public_id}").json()["auth_method"] == "none"


@pytest.mark.requirement("W6.6")
def test_the_connection_test_changes_nothing_of_the_server(admin, sdk):
    server, api = registered(admin, sdk), Api(admin.token)
    path = f"/mcp-servers/{server.public_id}"
    begun = api.post(f"{path}/test")
    assert (begun.status_code, begun.json()["state"]) == (202, "waiting")
    assert [step["title"] for step in begun.json()["steps"]] == [
        "Connecting",
        "Authenticating",
        "Verifying TLS",
        "Health check",
        "Capability test",
    ]
    assert api.post(f"{path}/test").json()["id"] == begun.json()["id"]
    perform_run(VerificationRun.objects.get(server=server, purpose="test").id)
    ended = api.get(f"{path}/runs/{begun.json()['id']}").json()
    assert (ended["state"], ended["steps"][4]["facts"]["tools"]) == ("succeeded", 5)
    assert ended["duration_ms"] > 0
    assert api.get(path).json()["verification"] == "unverified"
    assert {run["purpose"] for run in api.get(f"{path}/runs").json()["results"]} == {"test", "verification"}
    other = registered(admin, sdk)
    assert api.get(f"/mcp-servers/{other.public_id}/runs/{begun.json()['id']}").status_code == 404


@pytest.mark.requirement("W8.3")
def test_a_run_is_carried_out_once_however_often_it_is_delivered(admin, sdk):
    server = registered(admin, sdk)
    run = server.runs.get()
    with recorded(admin.organization.id, Event.MCP_TOOL_FOUND, Event.MCP_RUN_SUCCEEDED):
        perform_run(run.id)
        assert perform_run(run.id) is None
    assert ServerChallenge.objects.filter(run=run).count() == 1
    assert ServerChallenge.objects.get(run=run).used_at is not None


@pytest.mark.requirement("W6.7")
def test_a_server_that_fails_too_often_is_suspended_and_a_good_run_brings_it_back(admin, authority):
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with sdk_server(authority=authority, key=key, verification_key=other) as sdk:
        server = registered(admin, sdk, failure_threshold=2)
        with recorded(admin.organization.id, Event.MCP_RUN_FAILED):
            run = run_of(server)
        assert (run.error_code, run.error) == (
            "signature_invalid",
            "Cryptographic verification failed. Check private key matches public key.",
        )
        assert (server.verification, server.status, server.consecutive_failures) == ("failed", "active", 1)
        with recorded(admin.organization.id, Event.MCP_RUN_FAILED, Event.MCP_SERVER_SUSPENDED):
            run_of(server)
        assert (server.status, server.suspended_by_failures) == ("suspended", True)
        assert server.keys.get().status == ServerKey.Status.UNPROVED
    with sdk_server(authority=authority, key=key) as sdk:
        McpServer.objects.filter(id=server.id).update(**sdk.fields())
        run_of(server)
    assert (server.status, server.verification, server.consecutive_failures) == ("active", "verified", 0)


@pytest.mark.requirement("W9.3", "W9.6")
def test_a_new_key_is_agreed_to_by_the_old_one_and_proves_itself(admin, authority):
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with sdk_server(authority=authority, key=old) as sdk:
        server = registered(admin, sdk)
        assert run_of(server).state == "succeeded"
        rotation = start_rotation(admin.actor, server.id, RotationPlan(public_key=pem_of(new), server_updated=True))
        # The server has not been told of the new key, and does not agree.
        refused = run_of(server, purpose="new_key", key=rotation.new_key)
        assert (refused.state, refused.error_code) == ("failed", "signature_invalid")
        assert "No such key is to take" in refused.steps[2]["detail"]
    with sdk_server(authority=authority, key=old, next_keys=[rotation.new_key.thumbprint]) as sdk:
        McpServer.objects.filter(id=server.id).update(**sdk.fields())
        agreed = run_of(server, purpose="new_key", key=rotation.new_key)
        rotation.refresh_from_db()
        assert (agreed.state, rotation.state, rotation.confirmed_how) == ("succeeded", "proving", "old_key")
        unready = run_of(server, purpose="new_key", key=rotation.new_key)
        assert unready.error == "Verification failed. Ensure server uses new private key."
    with sdk_server(authority=authority, key=old, verification_key=Ed25519PrivateKey.generate()) as sdk:
        McpServer.objects.filter(id=server.id).update(**sdk.fields())
        wrong = run_of(server, purpose="new_key", key=rotation.new_key)
        assert wrong.error == "Cannot verify new key. Check private key matches."
    with sdk_server(authority=authority, key=old, verification_key=new) as sdk:
        McpServer.objects.filter(id=server.id).update(**sdk.fields())
        proof = run_of(server, purpose="new_key", key=rotation.new_key)
        assert (proof.state, proof.key_id) == ("succeeded", rotation.new_key_id)
        rotation.refresh_from_db()
        assert rotation.state == "rolling"
        assert server.keys.get(status="active").id == rotation.new_key_id
        # Both are good now, and the one that has signed is on record.
        assert run_of(server).key_id == rotation.new_key_id
    assert (server.consecutive_failures, server.verification) == (0, "verified")


@pytest.mark.requirement("W9.3")
@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1()), new_rsa])
def test_a_server_with_both_keys_changes_them_in_one_step(admin, authority, make):
    old, new = Ed25519PrivateKey.generate(), make()
    with sdk_server(authority=authority, key=old, verification_key=new, previous_key=pem(old)) as sdk:
        server = registered(admin, sdk)
        # It has been deployed before anybody has told AIM: the key that AIM knows signs.
        before = run_of(server)
        assert (before.state, before.key_id) == ("succeeded", server.keys.get().id)
        stranger = start_rotation(
            admin.actor, server.id, RotationPlan(public_key=pem_of(Ed25519PrivateKey.generate()), server_updated=True)
        )
        refused = run_of(server, purpose="new_key", key=stranger.new_key)
        assert (refused.state, "No such key is to take" in refused.steps[2]["detail"]) == ("failed", True)
        abandon_rotation(admin.actor, server.id, rotation_id=stranger.id, reason="another key")
        rotation = start_rotation(admin.actor, server.id, RotationPlan(public_key=pem_of(new), server_updated=True))
        assert run_of(server, purpose="new_key", key=rotation.new_key).state == "succeeded"
        # The proof of the new key is asked for by itself, and is good.
        proof = run_of(server, purpose="new_key", key=rotation.new_key)
        rotation.refresh_from_db()
        assert (proof.state, rotation.state, rotation.confirmed_how) == ("succeeded", "rolling", "old_key")
        assert run_of(server).key_id == rotation.new_key_id


@pytest.mark.requirement("W8.3")
def test_what_was_changed_meanwhile_is_not_proved(admin, sdk):
    server = registered(admin, sdk)
    run = server.runs.get()
    VerificationRun.objects.filter(id=run.id).update(state="running")
    update_server(admin.actor, server.id, changes={"url": "https://elsewhere.example/mcp"})
    VerificationRun.objects.filter(id=run.id).update(state="waiting")
    McpServer.objects.filter(id=server.id).update(url=sdk.url)
    examined = performing._examine(VerificationRun.objects.get(id=run.id))
    VerificationRun.objects.filter(id=run.id).update(state="running")
    McpServer.objects.filter(id=server.id).update(url="https://elsewhere.example/mcp")
    assert settle(run.id, examined).state == "abandoned"
    server.refresh_from_db()
    assert server.verification == "unverified"


@pytest.mark.requirement("W6.7")
@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_retired_server_is_not_called_any_more(admin, sdk, state):
    """Its runs would keep those of others waiting, for as long as it takes them to fail."""
    server, api = registered(admin, sdk), Api(admin.token)
    run = server.runs.get()
    VerificationRun.objects.filter(id=run.id).update(state=state, started_at=clock.now())
    assert api.post(f"/mcp-servers/{server.public_id}/retire", {"reason": "gone"}).status_code == 200
    assert perform_run(run.id) is None
    run.refresh_from_db()
    assert (run.state, run.error) == ("abandoned", "The server was retired.")
    assert {step["result"] for step in run.steps} == {"skipped"}


@pytest.mark.requirement("W6.3")
def test_a_run_whose_worker_was_killed_is_given_up_and_another_can_begin(admin, sdk):
    server = registered(admin, sdk)
    run = server.runs.get()
    VerificationRun.objects.filter(id=run.id).update(state="running", started_at=clock.now() - LOST_AFTER * 2)
    tend_runs()
    run.refresh_from_db()
    assert (run.state, {step["result"] for step in run.steps}) == ("abandoned", {"skipped"})
    assert run_of(server).state == "succeeded"
