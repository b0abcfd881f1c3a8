import json
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.urls import reverse
from pyhanko.pdf_utils.reader import PdfFileReader

from accounts.models import Role
from aim import clock
from aim.ledger.events import Event
from aim.reports.making import make_report, tend_reports
from aim.reports.models import Report
from mcp.models import ServerKey, VerificationRun
from tests.console.people import browser_of
from tests.console.test_server_pages import text_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.ledger import recorded
from tests.factories.mcp import make_server

PEM = pem_of(rsa.generate_private_key(65537, 2048))
SECTIONS = ["key", "history", "rotations", "compliance", "agents"]


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def server(admin):
    made = make_server(admin.actor, name="filesystem-mcp", display_name="Filesystem <b>MCP", public_key=PEM)
    ServerKey.objects.filter(server=made).update(status="active")
    error = "Cryptographic verification failed. Check private key matches public key."
    ended = {"server": made, "trigger": "manual", "finished_at": clock.now()}
    VerificationRun.objects.create(**ended, state="succeeded", duration_ms=505, response_ms=127)
    VerificationRun.objects.create(**ended, state="failed", error=error)
    return made


def ask(person, server, **fields):
    response = browser_of(person).post(
        reverse("mcp:server-report", args=[server.public_id]), {"sections": SECTIONS, "format": "json", **fields}
    )
    assert response.status_code == 303, response.content.decode()
    return Report.objects.get(id=Report.objects.filter(subject_id=server.id).values("id")[:1])


@pytest.mark.requirement("W10.5")
def test_a_pdf_is_asked_for_followed_and_fetched_signed(admin, server):
    client = browser_of(admin)
    report = ask(admin, server, format="pdf")
    follow = reverse("mcp:report-progress", args=[report.public_id])
    fetch = reverse("mcp:report-file", args=[report.public_id])
    assert "Waiting for a worker" in client.get(follow).content.decode()
    assert client.get(fetch).status_code == 404
    with recorded(admin.organization.id, Event.MCP_REPORT_MADE) as entries:
        make_report(report.id)
        assert make_report(report.id) is None
    answer = client.get(fetch)
    today = f"{clock.now():%Y-%m-%d}"
    assert answer["Content-Disposition"] == f'attachment; filename="filesystem-mcp-crypto-report-{today}.pdf"'
    assert answer["Content-Type"] == "application/pdf"
    [signature] = PdfFileReader(BytesIO(answer.content)).embedded_signatures
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    report.refresh_from_db()
    assert report.sha256 in str(entries)
    assert "The report is ready" in client.get(follow).content.decode()
    authority = client.get(reverse("mcp:signing-authority"))
    assert x509.load_pem_x509_certificate(authority.content).subject.rfc4514_string().startswith("CN=AIM")


@pytest.mark.requirement("W10.5")
@pytest.mark.parametrize("sections", [SECTIONS, ["compliance"], ["key", "agents"]])
def test_the_json_holds_the_chosen_sections_and_no_others(admin, server, sections):
    report = ask(admin, server, sections=sections)
    make_report(report.id)
    data = json.loads(browser_of(admin).get(reverse("mcp:report-file", args=[report.public_id])).content)
    assert [name for name in SECTIONS if name in data] == sections
    assert data["server"]["fingerprint"] == server.keys.get().fingerprint
    if "history" in sections:
        assert (data["history"]["total"], data["history"]["succeeded"]) == (2, 1)
        assert data["history"]["attempts"][0]["error"].startswith("Cryptographic verification failed.")
    if "compliance" in sections:
        assert data["compliance"]["security_score"] == sum(part["points"] for part in data["compliance"]["parts"])


@pytest.mark.requirement("W10.5")
def test_nothing_is_made_without_a_section(admin, server):
    response = browser_of(admin).post(reverse("mcp:server-report", args=[server.public_id]), {"format": "pdf"})
    assert response.status_code == 422
    assert "Choose at least one section." in response.content.decode()
    assert not Report.objects.filter(subject_id=server.id).exists()


@pytest.mark.requirement("R.2")
def test_the_role_decides_who_has_a_report_made_and_whoever_sees_the_server_fetches_it(admin, server):
    address = reverse("mcp:server-report", args=[server.public_id])
    viewer, manager = (make_person(admin.organization, role) for role in (Role.VIEWER, Role.MANAGER))
    shown = browser_of(viewer).get(address).content.decode()
    assert "No report of this server has been made yet." in shown
    assert "Generate" not in text_of(browser_of(viewer).get(address)).split("Crypto reports")[-1]
    for person in (viewer, make_person(admin.organization, Role.MEMBER)):
        answer = browser_of(person).post(address, {"sections": SECTIONS, "format": "json"})
        assert answer.status_code == 403
    assert not Report.objects.filter(subject_id=server.id).exists()
    report = ask(manager, server)
    make_report(report.id)
    assert reverse("mcp:report-file", args=[report.public_id]) in browser_of(viewer).get(address).content.decode()
    assert browser_of(viewer).get(reverse("mcp:report-file", args=[report.public_id])).status_code == 200
    page = reverse("mcp:server-detail", args=[server.public_id])
    assert "Generate Crypto Report" in browser_of(manager).get(page).content.decode()
    assert "Generate Crypto Report" not in browser_of(viewer).get(page).content.decode()


@pytest.mark.requirement("R.1")
def test_another_organization_neither_asks_for_a_report_nor_fetches_one(admin, server):
    report = ask(admin, server)
    make_report(report.id)
    other = browser_of(make_person(make_organization()))
    for name in ("mcp:report-file", "mcp:report-progress"):
        assert other.get(reverse(name, args=[report.public_id])).status_code == 404
    assert other.get(reverse("mcp:server-report", args=[server.public_id])).status_code == 404
    assert other.get(reverse("mcp:signing-authority")).status_code == 404


def test_what_lost_its_worker_is_given_up(admin, server):
    report = ask(admin, server)
    Report.objects.filter(id=report.id).update(state="running", started_at=clock.now().replace(year=2025))
    assert tend_reports()[0] >= 1
    page = browser_of(admin).get(reverse("mcp:report-progress", args=[report.public_id])).content.decode()
    assert "The worker that made it is gone." in page


@pytest.mark.requirement("W10.6")
def test_servers_are_compared_and_those_that_need_attention_marked(admin, server):
    now = clock.now()
    old = make_server(admin.actor, display_name="Database MCP", public_key=PEM)
    ServerKey.objects.filter(server=old).update(status="active", created_at=now.replace(year=now.year - 1))
    fine = make_server(admin.actor, display_name="API Gateway MCP", public_key=PEM)
    ServerKey.objects.filter(server=fine).update(status="active", proved_at=now)
    type(fine).objects.filter(id=fine.id).update(verification="verified", last_verified_at=now, tls_version="TLSv1.3")
    foreign = make_server(make_person(make_organization()).actor, display_name="Foreign")
    query = {"server": [old.public_id, fine.public_id, foreign.public_id, "mcp_0"]}
    page = text_of(browser_of(admin).get(reverse("mcp:server-compare"), query))
    assert "Database MCP : Key age 365 days (overdue rotation)" in page
    assert "API Gateway MCP : All compliant" in page
    assert "Foreign" not in page
    assert "Key Type RSA-2048 RSA-2048" in page
