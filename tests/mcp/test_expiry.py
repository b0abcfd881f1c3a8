"""Certificates that come to their end, by a clock that is moved over sixty days."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from aim import clock
from aim.ledger.events import Event
from aim.mail.models import OutgoingMail
from mcp.certificates import ending_of
from mcp.models import Certificate, McpServer, VerificationRun
from mcp.needs import servers_in_need
from mcp.services.expiry import due_alert
from mcp.services.lifecycle import suspend_server
from mcp.tasks import tend_certificates
from tests.console.people import browser_of
from tests.factories.accounts import Role, make_organization, make_person, unique
from tests.factories.ledger import entries, recorded
from tests.factories.mcp import make_proved_server
from tests.factories.threads import at_once

START = datetime(2026, 12, 1, 9, tzinfo=UTC)
END = START + timedelta(days=45, hours=3)


@pytest.fixture(autouse=True)
def _others():
    """The certificates of other tests are none of this one's business."""
    Certificate.objects.update(current=False)


@pytest.fixture
def _mail(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


@pytest.fixture
def admin():
    return make_person(make_organization())


def certificate_of(server: McpServer, *, not_after=END, role="server") -> Certificate:
    return Certificate.objects.create(
        server=server,
        role=role,
        fingerprint=unique("print"),
        subject="CN=mcp.company.com",
        issuer="CN=An authority",
        not_before=START - timedelta(days=45),
        not_after=not_after,
        pem="",
        last_seen_at=clock.now(),
    )


def seen(server: McpServer) -> None:
    """A run has just looked at the certificate."""
    Certificate.objects.filter(server=server, current=True).update(last_seen_at=clock.now())


def kinds(server: McpServer) -> list[str]:
    return [entry["kind"] for entry in entries(server.organization_id) if "certificate" in entry["kind"]]


@pytest.mark.requirement("E8")
@pytest.mark.usefixtures("_mail")
def test_alerts_thirty_and_seven_days_ahead_and_suspended_on_the_day_each_once(admin):
    owner = make_person(admin.organization, Role.MANAGER)
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(owner.actor)
        certificate_of(server)
        happened = {}
        for hour in (day * 24 + hour for day in (0, 14, 15, 16, 37, 38, 39, 44, 45, 46) for hour in (2, 3)):
            time.move_to(START + timedelta(hours=hour))
            seen(server)
            given = [tend_certificates(), tend_certificates(), tend_certificates()]
            assert given[1:] == [0, 0]
            if given[0]:
                happened[hour] = kinds(server)[-1]
                server.refresh_from_db()
                assert (server.status == "suspended") is (kinds(server)[-1] == "mcp.certificate.expired")
    assert happened == {
        15 * 24 + 3: "mcp.certificate.expiring",
        38 * 24 + 3: "mcp.certificate.expiring",
        45 * 24 + 3: "mcp.certificate.expired",
    }
    assert (server.status_reason, server.suspended_by_failures) == ("Certificate expired", True)
    assert server.verification == "failed"
    mails = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="mcp_certificate").order_by("id")
    for person in (admin, owner):
        assert [mail.subject for mail in mails if mail.recipient == person.user.email] == [
            f"AIM: The certificate of {server.name} expires in 30 days",
            f"AIM: The certificate of {server.name} expires in 7 days",
            "AIM: MCP Server suspended: Certificate expired",
        ]
    severities = server.security_events.filter(kind="certificate").order_by("at").values_list("severity", flat=True)
    assert list(severities) == ["medium", "high", "critical"]


@pytest.mark.requirement("E8")
def test_many_workers_that_come_late_give_only_the_last_alert(admin):
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(admin.actor)
        certificate_of(server)
        time.move_to(END + timedelta(days=3))
        at_once(5, lambda _: tend_certificates())
    server.refresh_from_db()
    assert kinds(server) == ["mcp.certificate.expired"]
    assert server.status == "suspended"


@pytest.mark.requirement("E8")
def test_a_client_certificate_counts_as_well(admin):
    with time_machine.travel(END - timedelta(days=6), tick=False):
        server = make_proved_server(admin.actor)
        certificate_of(server, role="client")
        with recorded(admin.organization.id, Event.MCP_CERTIFICATE_EXPIRING) as added:
            tend_certificates()
    assert (added[0]["data"]["role"], added[0]["data"]["days"]) == ("client", 7)
    [event] = server.security_events.filter(kind="certificate")
    assert event.text == f"The client certificate for {server.name} expires in 6 days"


@pytest.mark.requirement("E8")
def test_a_certificate_that_nobody_has_looked_at_for_a_day_is_looked_at_before_anybody_is_alarmed(admin):
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(admin.actor)
        certificate_of(server)
        McpServer.objects.filter(id=server.id).update(next_verification_at=END)
        time.move_to(END - timedelta(days=29))
        with recorded(admin.organization.id):
            assert tend_certificates() == 0
        server.refresh_from_db()
        assert server.next_verification_at == clock.now()
        # The run comes to nothing: whatever the reason, people are told now.
        VerificationRun.objects.create(
            server=server, trigger="schedule", purpose="verification", state="failed", finished_at=clock.now()
        )
        assert tend_certificates() == 1


@pytest.mark.requirement("E8")
def test_a_new_certificate_ends_the_alerts_of_the_old_one(admin):
    with time_machine.travel(END - timedelta(days=6), tick=False) as time:
        server = make_proved_server(admin.actor)
        old = certificate_of(server)
        assert tend_certificates() == 1
        Certificate.objects.filter(id=old.id).update(current=False)
        certificate_of(server, not_after=END + timedelta(days=90))
        time.move_to(END + timedelta(hours=1))
        assert tend_certificates() == 0
    server.refresh_from_db()
    assert (server.status, server.verification) == ("active", "verified")


def test_who_wants_no_suspension_is_told_and_the_server_is_failed(admin):
    with time_machine.travel(END, tick=False):
        server = make_proved_server(admin.actor, auto_suspend=False)
        certificate_of(server)
        tend_certificates()
    server.refresh_from_db()
    assert (server.status, server.verification) == ("active", "failed")


def test_what_a_person_has_suspended_stays_the_persons(admin):
    with time_machine.travel(END, tick=False):
        server = make_proved_server(admin.actor)
        certificate_of(server)
        suspend_server(admin.actor, server.id, reason="Maintenance")
        tend_certificates()
    server.refresh_from_db()
    assert (server.status_reason, server.suspended_by_failures) == ("Maintenance", False)


@pytest.mark.requirement("E8")
@pytest.mark.parametrize(
    ("ahead", "ending", "tone", "words"),
    [
        (timedelta(days=31), ("valid", 31), "allowed", "31 days left"),
        (timedelta(days=30, seconds=1), ("valid", 31), "allowed", "31 days left"),
        (timedelta(days=30), ("soon", 30), "pending", "Expires soon: 30 days left"),
        (timedelta(days=7, seconds=1), ("soon", 8), "pending", "Expires soon: 8 days left"),
        (timedelta(days=7), ("urgent", 7), "denied", "Renew now: 7 days left"),
        (timedelta(seconds=1), ("urgent", 1), "denied", "Renew now: 1 day left"),
        (timedelta(), ("expired", 0), "denied", "Expired"),
        (timedelta(days=-3), ("expired", 0), "denied", "Expired"),
    ],
)
def test_a_certificate_has_the_colour_and_the_words_of_its_alerts(admin, ahead, ending, tone, words):
    """Amber from the day on that people are told, red from that on which they are warned, wherever it is shown."""
    found = ending_of(START + ahead, START)
    assert ((found.state, found.days), found.tone) == (ending, tone)
    assert (found.state in {"soon", "urgent", "expired"}) == (
        due_alert(Certificate(not_after=START + ahead, alerts=[]), START) is not None
    )
    with time_machine.travel(START, tick=False):
        server = make_proved_server(admin.actor)
        certificate_of(server, not_after=START + ahead)
        client = browser_of(admin)
        for address in ("mcp:server-detail", "mcp:server-renew"):
            page = client.get(reverse(address, args=[server.public_id]), {"tab": "certificates"}).content.decode()
            assert re.search(rf'"badge tone-{tone}[^"]*">(\s|<[^>]*>)*{words}\s*</span>', page)


@pytest.mark.requirement("E8")
@pytest.mark.parametrize(
    ("ahead", "titles"),
    [
        (timedelta(days=7, seconds=1), []),
        (timedelta(days=7), ["A certificate expires in 7 days"]),
        (timedelta(days=1), ["A certificate expires in 1 day"]),
        (timedelta(seconds=1), ["A certificate expires in 1 day"]),
        (timedelta(), []),
    ],
)
def test_what_ends_within_seven_days_needs_somebody(admin, ahead, titles):
    with time_machine.travel(START, tick=False):
        server = make_proved_server(admin.actor, display_name="Database MCP")
        certificate = certificate_of(server, not_after=START + ahead)
        needs = list(servers_in_need(admin.actor))
        assert [(str(need.title), need.text) for need in needs] == [(title, "Database MCP") for title in titles]
        assert all(need.url.endswith(f"{server.public_id}?tab=certificates") for need in needs)
        assert list(servers_in_need(make_person(make_organization()).actor)) == []
        Certificate.objects.filter(id=certificate.id).update(current=False)
        assert list(servers_in_need(admin.actor)) == []
        Certificate.objects.filter(id=certificate.id).update(current=True)
        McpServer.objects.filter(id=server.id).update(status="retired")
        assert list(servers_in_need(admin.actor)) == []
