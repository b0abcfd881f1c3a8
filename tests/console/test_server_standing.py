"""What a server's page says of its trust and of a failure, only while it holds."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim import clock
from mcp.models import KeyRotation, McpServer, ServerKey, VerificationRun
from mcp.services.rotation import RotationPlan, revoke_key, start_rotation
from tests.console.people import browser_of
from tests.console.test_server_pages import page_of, text_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.api import Api
from tests.factories.mcp import make_proved_server, make_server

PEM = pem_of(Ed25519PrivateKey.generate())


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.mark.requirement("W8.4", "W6.4")
def test_a_score_is_shown_only_while_the_server_is_active_and_verified(admin):
    server = make_server(admin.actor, public_key=PEM)
    client, path = browser_of(admin), f"/mcp-servers/{server.public_id}"
    api = Api(admin.token)
    good = {"status": "active", "verification": "verified", "trust_score": 100}
    for fields, trust in (
        (good, 100),
        ({**good, "verification": "failed"}, None),
        ({**good, "verification": "unverified"}, None),
        ({**good, "status": "suspended"}, None),
        ({**good, "status": "retired"}, None),
        (good, 100),
    ):
        McpServer.objects.filter(id=server.id).update(**fields)
        shown = text_of(client.get(page_of(server)))
        assert ("Trust 100 %" in shown, "Trust –" in shown) == (trust == 100, trust is None), fields
        assert api.get(path).json()["trust_score"] == trust
    key = ServerKey.objects.get(server=server)
    ServerKey.objects.filter(id=key.id).update(status="active", proved_at=clock.now())
    revoke_key(admin.actor, server.id, key_id=key.id, reason="Stolen")
    assert api.get(path).json()["trust_score"] is None
    assert "A score holds only while the server is verified." in client.get(page_of(server)).content.decode()


@pytest.mark.requirement("W8.3")
def test_a_failure_leaves_its_reason_on_the_page(admin):
    server = make_server(admin.actor, public_key=PEM)
    server.runs.all().delete()
    client = browser_of(admin)
    run = {"server": server, "trigger": "manual", "state": "failed", "finished_at": clock.now()}
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        VerificationRun.objects.create(**run, error="An older one.")
    VerificationRun.objects.create(**run, error="Signed by <b>nobody</b>.")
    VerificationRun.objects.create(**run, purpose="test", error="Only a test.")
    VerificationRun.objects.create(server=server, trigger="manual", state="waiting")
    for tab in ("overview", "identity"):
        McpServer.objects.filter(id=server.id).update(verification="failed")
        page = client.get(page_of(server, tab)).content.decode()
        times = 1 if tab == "overview" else 2
        assert page.count("Signed by &lt;b&gt;nobody&lt;/b&gt;.") == times
        assert "<b>nobody" not in page
        assert "An older one." not in page
        assert "Only a test." not in page
        McpServer.objects.filter(id=server.id).update(verification="verified")
        assert "nobody" not in client.get(page_of(server, tab)).content.decode()


@pytest.mark.requirement("W10.2")
def test_the_identity_tab_says_when_what_is_due_and_what_was_done(admin):
    at = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        server = make_proved_server(admin.actor, rotation_days=60, failure_threshold=5)
        McpServer.objects.filter(id=server.id).update(next_verification_at=None)
        client = browser_of(admin)
        before = text_of(client.get(page_of(server, "identity")))
        assert "Next Verification not scheduled" in before
        assert "Consecutive Failures 0 (threshold: 5)" in before
        assert "Last Rotation none yet" in before
        assert "Next Rotation Due 30 Jan 2027" in before
        McpServer.objects.filter(id=server.id).update(
            next_verification_at=at + timedelta(hours=20, seconds=7), consecutive_failures=3
        )
        plan = RotationPlan(public_key=pem_of(Ed25519PrivateKey.generate()), server_updated=True)
        rotation = start_rotation(admin.actor, server.id, plan)
        KeyRotation.objects.filter(id=rotation.id).update(state="completed", completed_at=at - timedelta(days=10))
        ServerKey.objects.filter(id=rotation.old_key_id).update(status="retired", retired_at=at - timedelta(days=10))
        ServerKey.objects.filter(id=rotation.new_key_id).update(status="active", created_at=at - timedelta(days=11))
        after = text_of(client.get(page_of(server, "identity")))
    assert "Next Verification Wed 2 Dec 2026, 05:30:07" in after
    assert "Consecutive Failures 3 (threshold: 5)" in after
    assert "Last Rotation 21 Nov 2026 (10 days ago)" in after
    assert "Next Rotation Due 19 Jan 2027" in after
