"""Runs, credentials and rotations from a server's page, without a browser."""

from datetime import timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.urls import reverse

from accounts.models import Role
from aim import clock
from aim.ledger.events import Event
from mcp.models import Credential, McpServer, ServerKey, VerificationRun
from mcp.needs import servers_in_need
from mcp.services.rotation import RotationPlan, start_rotation
from tests.console.people import browser_of
from tests.console.test_server_pages import page_of, text_of, wizard
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.ledger import recorded
from tests.factories.mcp import make_server, make_tool

VERIFY_URL = "https://mcp.company.com/filesystem/verify"


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def server(admin):
    made = make_server(admin.actor, public_key=pem_of(Ed25519PrivateKey.generate()), verification_url=VERIFY_URL)
    made.runs.all().delete()
    ServerKey.objects.filter(server=made).update(status="active", proved_at=clock.now())
    return made


@pytest.mark.requirement("W8.3", "W6.6")
@pytest.mark.parametrize(("verb", "purpose"), [("verify", "verification"), ("test", "test")])
def test_a_run_is_begun_once_and_followed(admin, server, verb, purpose):
    client = browser_of(admin)
    address = reverse(f"mcp:server-{verb}", args=[server.public_id])
    first, again = client.post(address), client.post(address)
    run = server.runs.get()
    assert (run.purpose, run.trigger, run.started_by_id) == (purpose, "manual", admin.user.id)
    assert first["Location"] == again["Location"] == reverse("mcp:run-progress", args=[server.public_id, run.public_id])
    page = client.get(first["Location"]).content.decode()
    assert "Waiting for a worker…" in page
    assert 'hx-trigger="every 400ms"' in page
    error = "Cannot reach server. Check URL and network connectivity."
    VerificationRun.objects.filter(id=run.id).update(state="failed", error=error, duration_ms=12.3)
    page = client.get(first["Location"]).content.decode()
    assert error in page
    assert "every 400ms" not in page


@pytest.mark.requirement("W6.7")
def test_many_are_verified_at_once(admin, server):
    other = make_server(admin.actor)
    other.runs.all().delete()
    foreign = make_server(make_person(make_organization()).actor)
    foreign.runs.all().delete()
    sent = {"server": [server.public_id, other.public_id, foreign.public_id, "mcp_0"], "back": "https://evil.example/"}
    response = browser_of(admin).post(reverse("mcp:servers-verify"), sent)
    assert response["Location"] == reverse("mcp:server-list")
    assert [one.runs.count() for one in (server, other, foreign)] == [1, 1, 0]


@pytest.mark.requirement("R.1", "R.2")
def test_nobody_else_begins_or_follows_a_run(admin, server):
    run = VerificationRun.objects.create(server=server, trigger="manual")
    follow = reverse("mcp:run-progress", args=[server.public_id, run.public_id])
    addresses = [
        reverse(f"mcp:server-{verb}", args=[server.public_id]) for verb in ("verify", "test", "rotate", "credential")
    ]
    stranger = browser_of(make_person(make_organization()))
    assert stranger.get(follow).status_code == 404
    viewer = browser_of(make_person(admin.organization, Role.VIEWER))
    assert viewer.get(follow).status_code == 200
    for address in addresses:
        assert stranger.post(address).status_code == 404
        assert viewer.post(address).status_code == 403
    own = make_server(make_person(make_organization()).actor)
    assert stranger.get(reverse("mcp:run-progress", args=[own.public_id, run.public_id])).status_code == 404


@pytest.mark.requirement("W6.2")
def test_a_credential_is_registered_with_its_server_and_never_shown_again(admin):
    client = browser_of(admin)
    secret = "hush-hush-this-is-secret"
    sent = wizard(auth_method="api_key", api_key_header="X-API-Key", api_key_scheme="", api_key_api_key=secret)
    step = client.post(reverse("mcp:server-register"), {**sent, "go": "review"})
    assert secret not in step.content.decode()
    assert client.post(reverse("mcp:server-register"), sent).status_code == 303
    server = McpServer.objects.get(organization=admin.organization)
    credential = Credential.objects.get(server=server)
    assert credential.method == "api_key"
    assert secret.encode() not in bytes(credential.encrypted)
    for tab in ("configuration", "events", "overview"):
        assert secret not in client.get(page_of(server, tab)).content.decode()
    assert "X-API-Key" in client.get(page_of(server, "configuration")).content.decode()
    assert secret not in client.get(reverse("mcp:server-credential", args=[server.public_id])).content.decode()


@pytest.mark.requirement("W6.2", "W6.9")
def test_what_is_wrong_with_a_credential_is_said_at_its_field(admin):
    client = browser_of(admin)
    with recorded(admin.organization.id):
        bad = client.post(reverse("mcp:server-register"), wizard(auth_method="mtls", mtls_certificate="no"))
    assert bad.status_code == 422
    page = bad.content.decode()
    assert page.count("This field is required.") == 1
    leaf, other = trustme.CA().issue_cert("a.example"), trustme.CA().issue_cert("b.example")
    sent = wizard(
        auth_method="mtls",
        mtls_certificate=leaf.cert_chain_pems[0].bytes().decode(),
        mtls_private_key=other.private_key_pem.bytes().decode(),
    )
    wrong = client.post(reverse("mcp:server-register"), sent).content.decode()
    assert "The private key does not belong to the certificate." in wrong
    assert other.private_key_pem.bytes().decode()[40:100] not in wrong


@pytest.mark.requirement("W6.2")
def test_a_credential_is_replaced_and_removed_from_the_page(admin, server):
    client = browser_of(admin)
    address = reverse("mcp:server-credential", args=[server.public_id])
    sent = {"auth_method": "hmac", "hmac_key_id": "aim", "hmac_secret": "x" * 32}
    assert client.post(address, {**sent, "hmac_secret": "short"}).status_code == 422
    assert client.post(address, sent).status_code == 303
    server.refresh_from_db()
    assert (server.auth_method, server.runs.count()) == ("hmac", 1)
    assert client.post(address, {"auth_method": "none"}).status_code == 303
    server.refresh_from_db()
    assert server.auth_method == "none"


def plan(key, **fields):
    return {"public_key": pem_of(key), "method": "gradual", "days": "7", "server_updated": "on", **fields}


@pytest.mark.requirement("W9.2", "W9.6")
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"public_key": "no key"}, "Invalid public key format. Check PEM encoding."),
        ({"days": "0"}, "Minimum rollover period is 1 day."),
        ({"days": "31"}, "Maximum rollover period is 30 days."),
        ({"server_updated": ""}, "Confirm that the server has the new private key."),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_at_its_field(admin, server, fields, sentence):
    client = browser_of(admin)
    address = reverse("mcp:server-rotate", args=[server.public_id])
    with recorded(admin.organization.id):
        response = client.post(address, plan(Ed25519PrivateKey.generate(), **fields))
    assert response.status_code == 422
    assert sentence in response.content.decode()


@pytest.mark.requirement("W9.2", "W9.6")
def test_the_list_of_checks_follows_the_pasted_key(admin, server):
    client = browser_of(admin)
    address = reverse("mcp:server-new-key", args=[server.public_id])
    same = {"public_key": server.keys.get().pem, "method": "gradual", "days": "7"}
    assert "New key must be different from current key." in client.post(address, same).content.decode()
    good = text_of(client.post(address, {**same, "public_key": pem_of(Ed25519PrivateKey.generate())}))
    assert "Valid PEM format" in good
    assert "Different from current key" in good
    assert "7 days (both keys valid)" in good
    odd = client.post(address, {"public_key": "", "days": "²", "method": "immediate"})
    assert odd.status_code == 200


@pytest.mark.requirement("W9.2", "W9.3", "W9.4")
def test_a_rotation_is_begun_confirmed_by_a_second_admin_and_abandoned(admin, server):
    client = browser_of(admin)
    with recorded(admin.organization.id, Event.MCP_ROTATION_STARTED):
        response = client.post(
            reverse("mcp:server-rotate", args=[server.public_id]), plan(Ed25519PrivateKey.generate())
        )
    assert "New key added. Verification required." in response.content.decode()
    rotation = server.rotations.get()
    mine = client.get(page_of(server, "identity")).content.decode()
    assert "Confirm as second admin" not in mine
    assert "Rotate Key</" not in mine
    second = browser_of(make_person(admin.organization))
    assert "Confirm as second admin" in second.get(page_of(server, "identity")).content.decode()
    confirm = reverse("mcp:rotation-confirm", args=[server.public_id, rotation.public_id])
    client.post(confirm)
    rotation.refresh_from_db()
    assert rotation.state == "confirming"
    second.post(confirm)
    rotation.refresh_from_db()
    assert (rotation.state, rotation.confirmed_how) == ("proving", "second_admin")
    client.post(reverse("mcp:rotation-prove", args=[server.public_id, rotation.public_id]))
    assert server.runs.filter(purpose="new_key", key=rotation.new_key).count() == 1
    abandon = reverse("mcp:rotation-abandon", args=[server.public_id, rotation.public_id])
    assert client.post(abandon, {"reason": ""}).status_code == 422
    assert client.post(abandon, {"reason": "Not now."}).status_code == 303
    rotation.refresh_from_db()
    assert rotation.state == "abandoned"


@pytest.mark.requirement("W9.4")
def test_a_rollover_shows_its_day_and_is_completed_early(admin, server):
    key = pem_of(Ed25519PrivateKey.generate())
    rotation = start_rotation(admin.actor, server.id, RotationPlan(public_key=key, server_updated=True))
    now = clock.now()
    ServerKey.objects.filter(id=rotation.old_key_id).update(status="leaving", leaves_at=now + timedelta(days=4))
    ServerKey.objects.filter(id=rotation.new_key_id).update(status="active", proved_at=now - timedelta(days=3))
    type(rotation).objects.filter(id=rotation.id).update(
        state="rolling", proved_at=now - timedelta(days=3), ends_at=now + timedelta(days=4)
    )
    client = browser_of(admin)
    page = text_of(client.get(page_of(server, "identity")))
    assert "In progress (Day 4 of 7)" in page
    assert "Active Keys: 2 keys" in page
    address = reverse("mcp:rotation-complete", args=[server.public_id, rotation.public_id])
    assert "Confirm that all agents" in client.get(address).content.decode()
    assert client.post(address).status_code == 303
    rotation.refresh_from_db()
    assert (rotation.state, rotation.completion) == ("completed", "early")


@pytest.mark.requirement("W9.4")
def test_a_stolen_key_is_revoked_with_a_reason(admin, server):
    client = browser_of(admin)
    key = server.keys.get()
    address = reverse("mcp:server-key-revoke", args=[server.public_id, key.public_id])
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, {"reason": "Stolen laptop."}).status_code == 303
    key.refresh_from_db()
    assert key.status == "retired"
    other = make_server(admin.actor)
    wrong = reverse("mcp:server-key-revoke", args=[other.public_id, key.public_id])
    assert client.get(wrong).status_code == 404


@pytest.mark.requirement("W6.8", "W9.3")
def test_what_servers_need_of_people_leads_to_where_it_is_done(admin, server):
    needs = list(servers_in_need(admin.actor))
    assert needs == []
    stopped = make_server(admin.actor, display_name="Stopped")
    McpServer.objects.filter(id=stopped.id).update(status="suspended")
    make_tool(server, offered={"name": "read_file"}, held_reason="Changed.")
    key = pem_of(Ed25519PrivateKey.generate())
    start_rotation(admin.actor, server.id, RotationPlan(public_key=key, server_updated=True))
    mine = [str(need.title) for need in servers_in_need(admin.actor)]
    assert mine == ["1 MCP server is suspended", "A tool is no longer what was approved"]
    second = make_person(admin.organization)
    theirs = list(servers_in_need(second.actor))
    assert len(theirs) == 3
    client = browser_of(second)
    assert [client.get(need.url).status_code for need in theirs] == [200, 200, 200]
    assert list(servers_in_need(make_person(make_organization()).actor)) == []
