import csv
import io
import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from aim import clock
from aim.ledger.events import Event
from mcp.figures import keeping_of
from mcp.models import (
    AgentUse,
    HealthHour,
    HealthSample,
    KeyRotation,
    McpServer,
    SecurityEvent,
    ServerKey,
    VerificationRun,
)
from mcp.services.registration import update_server
from mcp.services.tools import update_tool
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_verified_agent, pem_of
from tests.factories.followers import follow_all
from tests.factories.ledger import recorded
from tests.factories.mcp import make_proved_server, make_server, make_tool
from tests.verification.world import make_agent

LIST = reverse("mcp:server-list")
PEM = pem_of(rsa.generate_private_key(65537, 2048))


@pytest.fixture
def admin():
    return make_person(make_organization())


def page_of(server, tab="overview", **query):
    return f"{reverse('mcp:server-detail', args=[server.public_id])}?{urlencode({'tab': tab, **query}, doseq=True)}"


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def names(response):
    return re.findall(r'<(?:span|a) class="name[^"]*"[^>]*>([^<]+)</', response.content.decode())


@pytest.fixture
def fleet(admin):
    """One of each state."""
    actor = admin.actor
    now = clock.now()
    good = make_server(actor, display_name="Good", public_key=PEM, url="https://good.example/mcp")
    McpServer.objects.filter(id=good.id).update(verification="verified", last_verified_at=now - timedelta(hours=2))
    ServerKey.objects.filter(server=good).update(status="active")
    old = make_server(actor, display_name="Old", public_key=PEM, description="Reads the invoices")
    ServerKey.objects.filter(server=old).update(status="active", created_at=now - timedelta(days=90, seconds=1))
    turning = make_server(actor, display_name="Turning", public_key=PEM)
    ServerKey.objects.filter(server=turning).update(status="active", created_at=now - timedelta(days=200))
    another = pem_of(rsa.generate_private_key(65537, 2048))
    ServerKey.objects.create(
        server=turning, key_type="rsa", bits=2048, pem=another, fingerprint="AA:BB", thumbprint="x", status="unproved"
    )
    make_server(actor, display_name="Bare")
    stopped = make_server(actor, display_name="Stopped", public_key=PEM)
    McpServer.objects.filter(id=stopped.id).update(status="suspended", verification="failed", health="unhealthy")
    return admin


@pytest.mark.requirement("W6.1")
def test_the_figures_are_counts_of_all_servers(fleet):
    shown = browser_of(fleet).get(LIST, {"q": "nothing"}).content.decode()
    found = dict(re.findall(r'<span class="label">([^<]+)</span>\s*<span class="value">([^<]+)</span>', shown))
    assert found == {
        "Total MCP Servers": "5",
        "Active Servers": "4",
        "Verified": "1",
        "Last Verification": "2 h",
        "Uptime, 24 h": "–",
    }
    assert "no health check in a full hour yet" in shown


@pytest.mark.requirement("M.5")
def test_how_well_all_servers_are_kept_is_measured(fleet):
    servers = {server.display_name: server for server in McpServer.objects.filter(organization=fleet.organization)}
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for name, ago, checks, healthy in (
        ("Good", 1, 12, 12),
        ("Good", 2, 12, 9),
        ("Old", 1, 6, 6),
        ("Old", 25, 12, 0),  # before the time that is told of
        ("Old", 0, 1, 0),  # of an hour that is not over
    ):
        HealthHour.objects.create(
            server=servers[name], hour=hour - timedelta(hours=ago), checks=checks, healthy=healthy, response_ms=0
        )
    stranger = make_server(make_person(make_organization()).actor, display_name="Another's")
    HealthHour.objects.create(server=stranger, hour=hour - timedelta(hours=1), checks=1000, healthy=0)
    VerificationRun.objects.filter(server__organization=fleet.organization).delete()
    for state in ("succeeded", "succeeded", "failed", "waiting"):
        VerificationRun.objects.create(server=servers["Good"], trigger="schedule", purpose="verification", state=state)
    kept = keeping_of(McpServer.objects.filter(organization=fleet.organization))
    assert (kept.uptime.checks, kept.uptime.healthy, kept.runs, kept.good_runs) == (30, 27, 3, 2)
    assert kept.minutes == 6.0, "three hours with thirty checks"
    shown = browser_of(fleet).get(LIST).content.decode()
    assert "checked every 6.0 min" in shown
    assert "66.7 % good in 24 h" in shown
    assert '<span class="value">90.00' in shown


@pytest.mark.requirement("W6.1", "W9.1", "W10.1")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Bare", "Good", "Old", "Stopped", "Turning"]),
        ("sort=-name", ["Turning", "Stopped", "Old", "Good", "Bare"]),
        ("status=suspended", ["Stopped"]),
        ("verification=verified", ["Good"]),
        ("verification=failed&verification=verified", ["Good", "Stopped"]),
        ("health=unhealthy", ["Stopped"]),
        ("key=missing", ["Bare"]),
        ("key=rotating", ["Turning"]),
        ("key=configured", ["Good", "Old", "Stopped"]),
        ("rotation=due", ["Old"]),
        ("rotation=fine&key=configured", ["Good", "Stopped"]),
        ("q=INVOICE", ["Old"]),
        ("q=good.example", ["Good"]),
        ("q=%25", []),
        ("sort=-verified&verification=verified", ["Good"]),
        ("status=nonsense&key=%00", ["Bare", "Good", "Old", "Stopped", "Turning"]),
    ],
)
def test_filters_and_orders_work_on_all_rows(fleet, query, expected):
    response = browser_of(fleet).get(f"{LIST}?{query}")
    assert names(response) == expected
    assert f"<b>{len(expected)}</b>" in response.content.decode()


@pytest.mark.requirement("W6.1")
def test_every_figure_leads_to_its_rows(fleet):
    client = browser_of(fleet)
    page = client.get(LIST).content.decode()
    links = re.findall(r'class="figure" href="([^"]+)".*?class="value">([^<]+)<', page, re.DOTALL)
    assert len(links) == 5
    for address, count in links[:3]:
        shown = client.get(address.replace("&amp;", "&")).content.decode()
        assert re.search(r"<b>(\d+)</b>", shown[shown.index('class="end"') :])[1] == count, address
    assert names(client.get(links[3][0]))[0] == "Good"
    assert names(client.get(links[4][0])) == ["Stopped"]


def test_the_counts_of_a_filter_are_those_that_choosing_leads_to(fleet):
    page = browser_of(fleet).get(LIST, {"verification": "unverified"}).content.decode()
    counts = dict(re.findall(r'name="key" value="(\w+)".*?<span class="count">(\d+)</span>', page, re.DOTALL))
    assert counts == {"configured": "1", "missing": "1", "rotating": "1"}


@pytest.mark.requirement("W9.1", "W10.1")
def test_the_state_of_the_key_has_its_type_and_the_beginning_of_its_fingerprint_under_the_pointer(fleet):
    page = browser_of(fleet).get(LIST).content.decode()
    key = ServerKey.objects.get(server__display_name="Good", server__organization=fleet.organization)
    assert f'title="RSA-2048 key configured\n{key.fingerprint[:12]}…"' in page
    assert page.count("Key Rotation Due</span>") == 2  # The badge of the one, and the filter.


@pytest.mark.requirement("R.1")
def test_another_organizations_servers_are_not_there(fleet):
    other = browser_of(make_person(make_organization()))
    assert "No MCP servers yet" in other.get(LIST).content.decode()
    server = McpServer.objects.get(display_name="Good", organization=fleet.organization)
    addresses = [
        page_of(server),
        reverse("mcp:server-edit", args=[server.public_id]),
        reverse("mcp:server-act", args=[server.public_id, "suspend"]),
        reverse("mcp:server-public-key", args=[server.public_id, "pem"]),
        reverse("mcp:server-attempts-csv", args=[server.public_id]),
        reverse("mcp:server-events-file", args=[server.public_id, "json"]),
    ]
    for address in addresses:
        assert other.get(address).status_code == 404, address
    assert other.post(reverse("mcp:server-tools", args=[server.public_id])).status_code == 404
    with recorded(fleet.organization.id):
        other.post(reverse("mcp:server-act", args=[server.public_id, "suspend"]), {"reason": "Theirs."})


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", list(Role))
def test_the_role_decides_who_changes_a_server(fleet, role):
    client = browser_of(make_person(fleet.organization, role))
    server = McpServer.objects.get(display_name="Good", organization=fleet.organization)
    allowed = role in {Role.ADMIN, Role.MANAGER}
    assert ("Register MCP Server" in client.get(LIST).content.decode()) is allowed
    assert ("Suspend…" in client.get(page_of(server)).content.decode()) is allowed
    assert client.get(reverse("mcp:server-register")).status_code == (200 if allowed else 403)
    with recorded(fleet.organization.id, *([Event.MCP_SERVER_SUSPENDED] if allowed else [])):
        response = client.post(reverse("mcp:server-act", args=[server.public_id, "suspend"]), {"reason": "A test."})
    assert response.status_code == (303 if allowed else 403)


def test_a_page_makes_the_same_number_of_queries_however_many_rows(admin):
    client = browser_of(admin)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        return len(captured)

    make_server(admin.actor, public_key=PEM)
    few = queries()
    for _ in range(12):
        make_server(admin.actor, public_key=PEM)
    assert queries() == few <= 14


def test_hostile_text_is_text_on_every_page(admin):
    name = "<script>alert(1)</script>"
    server = make_server(admin.actor, display_name=name, description="{{ 7|add:7 }}")
    hostile = {"name": name, "description": f"{name} \u202egnp.exe", "inputSchema": {name: name}}
    make_tool(server, name, offered=hostile, held_reason=name)
    SecurityEvent.objects.create(server=server, kind=name[:40], severity="high", text=name, at=clock.now())
    VerificationRun.objects.create(server=server, trigger="manual", state="failed", error=name)
    client = browser_of(admin)
    for address in [LIST, *(page_of(server, tab) for tab in ("overview", "capabilities", "attempts", "events"))]:
        page = client.get(address).content.decode()
        assert "<script>alert" not in page, address
        assert "&lt;script&gt;alert(1)" in page, address
        assert "\u202e" not in page, address
    assert "‹U+202E›" in client.get(page_of(server, "capabilities")).content.decode()


def wizard(**fields):
    return {
        "name": "filesystem-mcp",
        "display_name": "Filesystem MCP Server",
        "version": "1.0.0",
        "url": "https://mcp.company.com/filesystem",
        "protocol": "auto",
        "timeout_seconds": "30",
        "auth_method": "none",
        "agents_kind": "all",
        "rate_per_minute": "100",
        "verify_signature": "on",
        "reverify_hours": "24",
        "failure_threshold": "3",
        "auto_suspend": "on",
        "drift_response": "hold",
        "rotation_days": "90",
        "go": "submit",
        **fields,
    }


@pytest.mark.requirement("W6.2", "W8.1")
def test_the_wizard_registers_what_was_filled_in(admin):
    agent = make_verified_agent(admin.actor).agent
    sent = wizard(
        port="8443", health_endpoint="/health", agents_kind="chosen", allowed_agents=[agent.public_id], public_key=PEM
    )
    client = browser_of(admin)
    with recorded(admin.organization.id, Event.MCP_SERVER_REGISTERED):
        response = client.post(reverse("mcp:server-register"), sent)
    assert response.status_code == 303, response.content.decode()
    server = McpServer.objects.get(organization=admin.organization)
    assert server.url == "https://mcp.company.com:8443/filesystem"
    assert server.allowed_agents == [agent.public_id]
    assert (server.verify_signature, server.verify_tls, server.auto_suspend) == (True, False, True)
    run = server.runs.get()
    follow = reverse("mcp:run-progress", args=[server.public_id, run.public_id])
    assert response["Location"] == f"{follow}?from=list"
    assert f"new={server.public_id}" in client.get(response["Location"]).content.decode()


@pytest.mark.requirement("W6.2", "W8.5")
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"public_key": "no key"}, "Invalid PEM format. Please check your public key."),
        (
            {"public_key": PEM, "key_type": "ed25519"},
            "Key type doesn&#x27;t match detected algorithm. Check key type selection.",
        ),
        ({"url": "http://mcp.company.com"}, "Use https: without TLS anybody on the way could answer for the server."),
        ({"allowed_ip_ranges": "300.0.0.0/8"}, "300.0.0.0/8"),
        ({"agents_kind": "chosen"}, "Choose at least one agent, or allow all verified agents."),
        ({"timeout_seconds": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"verify_signature": ""}, "Choose at least one method of verification."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(admin, fields, sentence):
    client = browser_of(admin)
    with recorded(admin.organization.id):
        response = client.post(reverse("mcp:server-register"), wizard(**fields))
    assert response.status_code == 422
    assert sentence in response.content.decode()


@pytest.mark.requirement("W6.2")
def test_an_edit_changes_what_differs_and_stands_in_the_history(admin):
    server = make_server(admin.actor, reverify_hours=36)
    client = browser_of(admin)
    form = client.get(reverse("mcp:server-edit", args=[server.public_id])).content.decode()
    assert '<option value="36" selected>' in form
    sent = wizard(name=server.name, reverify_hours="36", rate_per_minute="250")
    with recorded(admin.organization.id, Event.MCP_SERVER_UPDATED):
        assert client.post(reverse("mcp:server-edit", args=[server.public_id]), sent).status_code == 303
    server.refresh_from_db()
    assert (server.rate_per_minute, server.reverify_hours) == (250, 36)
    assert "rate_per_minute 100 250" in text_of(client.get(page_of(server, "configuration")))


@pytest.mark.requirement("W8.4", "W10.2")
def test_the_public_key_is_taken_along_as_pem_with_its_fingerprint_and_as_der(admin):
    server = make_server(admin.actor, name="filesystem-mcp", public_key=PEM)
    client = browser_of(admin)
    pem = client.get(reverse("mcp:server-public-key", args=[server.public_id, "pem"]))
    assert pem["Content-Disposition"] == 'attachment; filename="filesystem-mcp-public-key.pem"'
    key = server.keys.get()
    assert f"# SHA-256 fingerprint: {key.fingerprint}" in pem.content.decode()
    wanted = load_pem_public_key(PEM.encode())
    assert load_pem_public_key(pem.content) == wanted
    der = client.get(reverse("mcp:server-public-key", args=[server.public_id, "der"]))
    assert load_der_public_key(der.content) == wanted
    bare = make_server(admin.actor)
    assert client.get(reverse("mcp:server-public-key", args=[bare.public_id, "pem"])).status_code == 404
    assert client.get(f"{pem.request['PATH_INFO']}?key=mky_0").status_code == 404


@pytest.mark.requirement("W10.2", "W9.1")
@pytest.mark.parametrize(
    ("days", "tone"), [(0, "allowed"), (59, "allowed"), (60, "pending"), (90, "pending"), (91, "denied")]
)
def test_the_age_of_the_key_has_the_colour_of_the_document(admin, days, tone):
    server = make_server(admin.actor, public_key=PEM)
    ServerKey.objects.filter(server=server).update(status="active", created_at=clock.now() - timedelta(days=days))
    page = browser_of(admin).get(page_of(server, "identity")).content.decode()
    word = "day" if days == 1 else "days"
    assert re.search(rf"badge tone-{tone}[^>]*>\s*{days} {word}</span>", page)


@pytest.mark.requirement("W10.2")
def test_the_score_is_the_sum_of_its_parts_and_every_missing_part_is_a_recommendation(admin):
    server = make_server(admin.actor, public_key=PEM, verification_url="https://mcp.company.com/verify")
    client = browser_of(admin)
    before = text_of(client.get(page_of(server, "identity")))
    assert "Security Score 40/100 poor" in before
    assert "Verify the server: calls through it are denied until then." in before
    now = clock.now()
    ServerKey.objects.filter(server=server).update(status="active", proved_at=now)
    McpServer.objects.filter(id=server.id).update(
        verification="verified", last_verified_at=now, tls_version="TLSv1.3", trust_score=100
    )
    VerificationRun.objects.create(server=server, trigger="manual", state="succeeded", response_ms=120, duration_ms=505)
    VerificationRun.objects.create(server=server, trigger="manual", state="succeeded", response_ms=134, duration_ms=505)
    after = text_of(client.get(page_of(server, "identity")))
    assert "Security Score 100/100 excellent" in after
    assert "None (all checks passed)" in after
    assert "HTTPS/TLS 1.3" in after
    assert "127 ms (average of last 10 verifications)" in after
    assert "100 % (2 of 2 verification attempts)" in after
    VerificationRun.objects.create(server=server, trigger="manual", state="failed", error="No.")
    VerificationRun.objects.create(server=server, purpose="test", trigger="manual", state="failed", error="A test.")
    again = text_of(client.get(page_of(server, "identity")))
    assert "66.7 % (2 of 3 verification attempts)" in again
    assert "Security Score 97/100 excellent" in again


def text_without_gaps(response):
    """As it is read: no space before a comma, a bracket that closes, or a full stop."""
    return re.sub(r"\s+([,.)])", r"\1", re.sub(r"\(\s+", "(", text_of(response)))


@pytest.mark.requirement("W10.2", "W9.5")
def test_the_six_sections_have_the_labels_of_the_document_with_real_values(admin):
    url = "https://mcp.company.com/filesystem/verify"
    server = make_server(admin.actor, name="filesystem-mcp", public_key=PEM, verification_url=url)
    now = clock.now()
    key = server.keys.get()
    ServerKey.objects.filter(id=key.id).update(status="active", proved_at=now, created_at=now - timedelta(days=9))
    old = ServerKey.objects.create(
        server=server, key_type="rsa", bits=2048, pem=PEM, fingerprint="1F:6A:8B:00", thumbprint="x", status="retired"
    )
    KeyRotation.objects.create(
        server=server,
        old_key=old,
        new_key_id=key.id,
        method="gradual",
        days=7,
        state="completed",
        completed_at=now - timedelta(days=2, minutes=1),
    )
    McpServer.objects.filter(id=server.id).update(
        verification="verified",
        last_verified_at=now - timedelta(hours=2, minutes=1),
        next_verification_at=now + timedelta(hours=22),
        tls_version="TLSv1.3",
        trust_score=100,
    )
    server.runs.all().delete()
    VerificationRun.objects.create(server=server, trigger="manual", state="succeeded", response_ms=127, duration_ms=505)
    page = text_without_gaps(browser_of(admin).get(page_of(server, "identity")))
    places = []
    for said in (
        "Public Key Information",
        "Key Fingerprint (SHA-256)",
        "Unique identifier for this public key",
        "Key Type RSA-2048",
        "Key Length 2048 bits",
        "Algorithm RSA with SHA-256",
        "Key Format PEM (Privacy Enhanced Mail)",
        "Created ",
        "Age 9 days",
        "Verification Status Verification Status Verified",
        "Verification Method Challenge-Response Protocol",
        "(2 hours ago)",
        "Verification Frequency Every 24 hours (configurable)",
        "Next Verification ",
        "(in 22 hours)",
        "Auto-Suspend on Failure Enabled",
        "Consecutive Failures 0 (threshold: 3)",
        "Verification Endpoint Test Connection Verification URL https://mcp.company.com/filesystem/verify",
        "Protocol HTTPS/TLS 1.3",
        "Response Time 127 ms (average of last 10 verifications)",
        "Success Rate 100 % (1 of 1 verification attempts)",
        "Key Rotation Rotate Key Rotation Status Up to date",
        "Last Rotation ",
        "(2 days ago)",
        "Next Rotation Due ",
        "(90-day policy, in 81 days)",
        "Rotation Policy Required every 90 days",
        "Compliance Status Compliant (rotated within policy)",
        "Active Keys: 1 key",
        "Key Rotation History",
        "Rotated from 1F:6A:8B:00… to ",
        "Public Key Certificate Download Options Download as PEM Download as DER Copy to Clipboard (base64 encoded)",
        "View Raw Key",
        "Security Compliance",
        "Compliance Status Key strength compliant (2048-bit minimum)",
        "Key age compliant (&lt;90 days policy)",
        "Verification frequency compliant (daily requirement)",
        "TLS version compliant (1.2+ required)",
        "Security Score 100/100 excellent",
        "Recommendations None (all checks passed)",
    ):
        assert said in page, f"{said!r} is not in {page}"
        places.append(page.index(said, places[-1] if places else 0))
    assert places == sorted(places)


@pytest.mark.requirement("W9.1")
def test_a_key_that_is_due_is_not_compliant_and_what_to_do_is_said(admin):
    server = make_server(admin.actor, public_key=PEM, rotation_days=30)
    made = clock.now() - timedelta(days=31)
    ServerKey.objects.filter(server=server).update(status="active", created_at=made)
    page = text_without_gaps(browser_of(admin).get(page_of(server, "identity")))
    assert "Rotation Status Overdue (30 day policy)" in page
    assert "Compliance Status Not compliant (older than the policy allows)" in page
    assert "Recommendation Rotate key for security compliance" in page
    assert "Key age compliant (&lt;30 days policy)" in page


@pytest.mark.requirement("W6.4")
def test_the_overview_says_what_is_not_measured_and_counts_what_is(admin):
    server = make_server(admin.actor)
    client = browser_of(admin)
    before = text_of(client.get(page_of(server)))
    assert "Uptime, 24 h not measured" in before
    assert "Success Rate nothing reported" in before
    now = clock.now()
    for minutes, healthy in ((5, True), (10, True), (15, False), (60 * 25, False)):
        HealthSample.objects.create(
            server=server, at=now - timedelta(minutes=minutes), healthy=healthy, response_ms=20 if healthy else None
        )
    agent = make_verified_agent(admin.actor, display_name="Claude Code Assistant").agent
    AgentUse.objects.create(
        organization=admin.organization,
        server=server,
        agent_id=agent.id,
        hour=now.replace(minute=0, second=0, microsecond=0),
        requests=127,
        approved=120,
        completed=100,
        succeeded=99,
        duration_ms=4200,
        last_at=now,
    )
    after = text_of(client.get(page_of(server)))
    assert "66.67 % 2 of 3 checks" in after
    assert "Request Count 127 , 120 approved" in after
    assert "Success Rate 99.0 % 99 of 100 completed" in after
    assert "Avg Latency 42 ms" in after
    used = text_of(client.get(page_of(server, "agents")))
    assert "Claude Code Assistant" in used
    assert "Active now 127" in used


@pytest.mark.requirement("W10.3")
def test_the_verification_history_is_filtered_charted_and_taken_along(admin):
    server = make_server(admin.actor, name="filesystem-mcp")
    server.runs.all().delete()  # Without the one that registration begins.
    now = clock.now()
    for days, state, method, error in [
        (0, "succeeded", "challenge_response", ""),
        (1, "failed", "challenge_response", "=cmd|' /C calc'!A0"),
        (40, "failed", "health_check", "Health endpoint returned error. Check server status."),
    ]:
        run = VerificationRun.objects.create(
            server=server, trigger="schedule", state=state, method=method, error=error, duration_ms=12.34
        )
        VerificationRun.objects.filter(id=run.id).update(created_at=now - timedelta(days=days))
    client = browser_of(admin)
    address = reverse("mcp:server-attempts-csv", args=[server.public_id])

    def rows(**query):
        page = text_of(client.get(page_of(server, "attempts", **query)))
        answer = client.get(address, query)
        lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
        assert f"of {len(lines)} " in page or not lines
        return [line["status"] for line in lines]

    assert rows() == ["failed", "failed", "succeeded"] or len(rows()) == 3
    assert rows(result="succeeded") == ["succeeded"]
    assert rows(method="health_check") == ["failed"]
    assert rows(**{"from": (now - timedelta(days=2)).date().isoformat()}).count("failed") == 1
    assert rows(to="nonsense", result="nonsense") != []
    answer = client.get(address)
    assert answer["Content-Disposition"] == 'attachment; filename="filesystem-mcp-verification-history.csv"'
    assert "'=cmd|" in b"".join(answer.streaming_content).decode()
    page = client.get(page_of(server, "attempts")).content.decode()
    assert 'class="level"' in page


def check_server(server, *, days=0, minutes=0, **values):
    at = clock.now() - timedelta(days=days, minutes=minutes)
    return HealthSample.objects.create(server=server, **{"at": at, "healthy": True, "trigger": "schedule", **values})


@pytest.mark.requirement("W6.4")
def test_single_health_checks_are_filtered_and_taken_along(admin):
    server = make_server(admin.actor, name="filesystem-mcp")
    client = browser_of(admin)
    assert "The first one follows within 5 minutes." in text_of(client.get(page_of(server, "health")))
    check_server(server, way="endpoint", http_status=200, response_ms=20.24)
    refused = {"error_code": "health_failed", "error": "=cmd|' /C <b>calc</b>'!A0"}
    check_server(server, days=2, healthy=False, way="endpoint", http_status=503, **refused)
    check_server(server, days=9, way="handshake", trigger="command", response_ms=31)
    check_server(make_server(admin.actor), healthy=False)
    csv_address, json_address = (
        reverse("mcp:server-health-file", args=[server.public_id, ending]) for ending in ("csv", "json")
    )

    def rows(**query):
        page = text_of(client.get(page_of(server, "health", **query)))
        answer = client.get(csv_address, query)
        lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
        assert len(json.loads(client.get(json_address, query).content)) == len(lines)
        assert f"of {len(lines)} " in page or not lines
        return [(line["result"], line["check"], line["trigger"], line["http_status"]) for line in lines]

    good, bad, old = (
        ("healthy", "endpoint", "schedule", "200"),
        ("unhealthy", "endpoint", "schedule", "503"),
        ("healthy", "handshake", "command", ""),
    )
    assert rows() == [good, bad, old]
    assert rows(result="unhealthy") == [bad]
    assert rows(result="healthy") == [good, old]
    day = (clock.now() - timedelta(days=2)).date().isoformat()
    assert rows(**{"from": day}) == [good, bad]
    assert rows(to=day) == [bad, old]
    assert rows(**{"from": day, "to": day, "result": "healthy"}) == []
    assert "No health checks match your filters." in text_of(client.get(page_of(server, "health", to="2020-01-01")))
    assert rows(**{"from": "nonsense", "to": "9999-12-31", "result": "nonsense"}) == [good, bad, old]
    page = client.get(page_of(server, "health"))
    assert "&lt;b&gt;calc" in page.content.decode()
    assert "MCP handshake Command Healthy – 31.0 ms" in text_of(page)
    assert "Health endpoint Schedule Unhealthy 503 –" in text_of(page)
    answer = client.get(csv_address)
    assert answer["Content-Disposition"] == 'attachment; filename="filesystem-mcp-health-checks.csv"'
    assert "'=cmd|" in b"".join(answer.streaming_content).decode()
    overview = client.get(page_of(server)).content.decode()
    assert re.search(r'<a href="[^"]*[?]tab=health">View Logs</a>', overview)
    listed = client.get(LIST).content.decode()
    assert re.search(rf'href="[^"]*{server.public_id}[?]tab=health" aria-label="View Logs of', listed)
    assert browser_of(make_person(make_organization())).get(json_address).status_code == 404
    update_server(admin.actor, server.id, changes={"verify_health": False})
    HealthSample.objects.filter(server=server).delete()
    assert "switched off for this server" in text_of(client.get(page_of(server, "health")))


@pytest.mark.requirement("W6.4")
def test_the_pages_of_health_checks_go_to_the_last_one(admin):
    server = make_server(admin.actor)
    for number in range(60):
        check_server(server, minutes=5 * number, healthy=number % 2 == 0)
    client = browser_of(admin)
    assert "1–30 of 30 " in text_of(client.get(page_of(server, "health", result="healthy")))
    page = client.get(page_of(server, "health")).content.decode()
    following = re.search(r'href="([^"]*after=[^"]*)"', page)[1].replace("&amp;", "&")
    assert "51–60" in text_of(client.get(following if following.startswith("/") else page_of(server) + following))


@pytest.mark.requirement("W10.4")
def test_security_events_are_filtered_by_severity_and_taken_along(admin):
    server = make_proved_server(admin.actor, name="filesystem-mcp")
    tool = make_tool(server)
    agent = make_agent(admin.actor, capabilities=["mcp.call"])
    body = agent.body(action_type="mcp_tool_call", mcp_server=server.name, tool=tool.name)
    agent.ask_natively(body)
    update_tool(admin.actor, server.id, tool.id, enabled=True, permission="auto")
    update_server(admin.actor, server.id, changes={"rate_per_minute": 1})
    while agent.ask_natively(body).json().get("code") != "rate_limited":
        pass
    update_server(admin.actor, server.id, changes={"allowed_ip_ranges": ["10.0.0.0/8"]})
    agent.ask_natively(body)
    follow_all("mcp_use")
    client = browser_of(admin)
    page = text_of(client.get(page_of(server, "events", severity=["high", "low"])))
    assert f"Suspicious connections of {agent.agent.name}: 2 calls refused within the hour, 1 from outside" in page
    assert f"Access denied to {agent.agent.name}, once within the hour: Rate limit exceeded" in page
    assert "MCP tool is disabled" not in page
    query = {"severity": ["high", "low"]}
    table = client.get(reverse("mcp:server-events-file", args=[server.public_id, "csv"]), query)
    lines = list(csv.DictReader(io.StringIO(b"".join(table.streaming_content).decode())))
    kinds = {("high", "suspicious_connection"), ("low", "access_denied")}
    assert {(line["severity"], line["kind"]) for line in lines} == kinds
    listed = json.loads(client.get(reverse("mcp:server-events-file", args=[server.public_id, "json"])).content)
    codes = {event["data"].get("code") for event in listed}
    assert codes == {None, "ip_not_allowed", "rate_limited", "mcp_capability_disabled"}
    assert listed[0]["id"].startswith("mev_")


@pytest.mark.requirement("W6.5")
def test_capabilities_are_switched_and_their_level_set_from_the_page(admin):
    server = make_server(admin.actor)
    read, held = make_tool(server), make_tool(server, "delete_file", held_reason="Changed.")
    gone = make_tool(server, "old", enabled=True)
    client = browser_of(admin)
    sent = {
        "enabled": [read.public_id, gone.public_id],
        f"permission-{read.public_id}": "auto",
        f"permission-{held.public_id}": "blocked",
        f"permission-{gone.public_id}": "approval",
    }
    with recorded(admin.organization.id, Event.MCP_TOOL_UPDATED, Event.MCP_TOOL_UPDATED):
        response = client.post(reverse("mcp:server-tools", args=[server.public_id]), sent)
    assert response.status_code == 303
    read.refresh_from_db()
    held.refresh_from_db()
    assert (read.enabled, read.permission) == (True, "auto")
    assert (held.enabled, held.permission) == (False, "blocked")
    sent["enabled"] = [read.public_id, gone.public_id, held.public_id]
    with recorded(admin.organization.id):
        client.post(reverse("mcp:server-tools", args=[server.public_id]), sent)
    held.refresh_from_db()
    assert held.enabled is False


@pytest.mark.requirement("W6.8")
def test_a_changed_tool_shows_its_difference_word_by_word_and_is_approved(admin):
    server = make_server(admin.actor)
    offered = {"name": "read_file", "description": "Reads any file", "inputSchema": {"type": "object"}}
    tool = make_tool(server, offered=offered, held_reason="Its wording has changed.")
    client = browser_of(admin)
    page = client.get(page_of(server, "capabilities")).content.decode()
    assert "Reads <del>a</del><ins>any</ins> file" in page
    reject = reverse("mcp:server-tool-judge", args=[server.public_id, tool.public_id, "reject"])
    with recorded(admin.organization.id, Event.MCP_TOOL_REJECTED):
        assert client.post(reject).status_code == 303
    tool.refresh_from_db()
    assert (tool.offered, tool.held_reason.startswith("The new definition was rejected")) == (offered, True)
    address = reverse("mcp:server-tool-judge", args=[server.public_id, tool.public_id, "approve"])
    with recorded(admin.organization.id, Event.MCP_TOOL_APPROVED):
        assert client.post(address).status_code == 303
    tool.refresh_from_db()
    assert (tool.definition, tool.offered, tool.held_reason) == (offered, None, "")
    with recorded(admin.organization.id):
        client.post(address)


def test_the_overview_warns_only_where_there_is_something_to_warn_of(admin):
    client = browser_of(admin)
    sound = make_server(admin.actor, public_key=PEM, health_endpoint="/health", verification_url="https://a.example/v")
    assert "Worth another look" not in client.get(page_of(sound)).content.decode()
    kept = make_server(admin.actor, public_key=PEM, verification_url="https://a.example/v", auto_suspend=False)
    warned = client.get(page_of(kept)).content.decode()
    assert "Worth another look" in warned
    assert "A server that fails its verification stays in use." in warned
