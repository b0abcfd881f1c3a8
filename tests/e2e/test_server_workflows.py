"""Workflows 6, 8, 9 and 10 from the first click to the signed report, against a server of the official MCP SDK.

The browser talks to the product's own web process; the test is the worker: it carries out what waits, with the very
functions that the tasks call. Time moves by moving the rows of the rollover into the past, a day at a time.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection
from django.db.models import F
from playwright.sync_api import expect
from pyhanko.pdf_utils.reader import PdfFileReader

from aim import clock
from aim.crypto.public_keys import describe_key
from aim.reports.making import make_report
from aim.reports.models import Report
from mcp.models import KeyRotation, McpServer, ServerKey, VerificationRun
from mcp.services.runs import perform_run
from mcp.tasks import move_rollovers
from tests.factories.agents import pem_of
from tests.factories.followers import follow_all
from tests.factories.mcp import make_proved_server
from tests.mcp.sdk.running import sdk_server
from tests.verification.world import make_agent

pytestmark = pytest.mark.slow


def work(server):
    """What a worker does: the runs that wait are carried out."""
    for run in VerificationRun.objects.filter(server=server, state="waiting"):
        perform_run(run.id)


def make(report):
    """In a thread of its own, as a worker's: pyHanko runs a loop, and Playwright's runs in this one already."""

    def work():
        try:
            make_report(report.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def ask(product, agent, server):
    """What the product's own web process answers the agent that wants to call the tool."""
    body = agent.body(action_type="mcp_tool_call", mcp_server=server.name, tool="list_functions")
    raw, headers = agent.request(body)
    connection = HTTPConnection(product.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", "/api/v1/verify/action", raw, headers | {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer["status"], answer.get("code", "")


def a_day_passes(rotation):
    day = timedelta(days=1)
    KeyRotation.objects.filter(id=rotation.id).update(
        created_at=F("created_at") - day, proved_at=F("proved_at") - day, ends_at=F("ends_at") - day
    )
    ServerKey.objects.filter(server_id=rotation.server_id, leaves_at__isnull=False).update(
        leaves_at=F("leaves_at") - day
    )
    move_rollovers()


@pytest.mark.requirement("W6.1", "W6.2", "W6.4", "W6.5", "W6.6", "W8.1", "W8.2", "W8.3", "W8.4", "W9.1", "W9.2", "W9.3")
@pytest.mark.requirement("W9.4", "W9.5", "W10.1", "W10.2", "W10.3", "W10.4", "W10.5", "W10.6")
@pytest.mark.timeout(900)
def test_a_server_lives_from_its_registration_to_a_new_key_and_a_signed_report(visit, cast, product, loopback):  # noqa: PLR0915
    authority, clients, new_key = trustme.CA(), trustme.CA(), Ed25519PrivateKey.generate()
    own = clients.issue_cert("aim.example")
    with sdk_server(
        authority=authority, client_authority=clients, next_keys=[describe_key(new_key.public_key()).thumbprint]
    ) as sdk:
        # Workflow 6: register, with mutual TLS.
        page = visit("/dashboard/mcp", cast.manager, patience=60)
        page.get_by_role("link", name="Register MCP Server").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Display Name").fill("AWS Lambda Connector MCP")
        dialog.get_by_label("Server Name").fill("aws-lambda-connector")
        dialog.get_by_role("button", name="Continue").click()
        dialog.get_by_label("Server URL").fill(sdk.url)
        dialog.get_by_label("Health Check Endpoint", exact=True).fill("/health")
        dialog.get_by_role("button", name="Continue").click()
        dialog.get_by_label("Mutual TLS").check()
        dialog.get_by_label("Client Certificate (.pem file)").fill(own.cert_chain_pems[0].bytes().decode())
        dialog.get_by_label("Private Key (.key file)").fill(own.private_key_pem.bytes().decode())
        dialog.get_by_label("CA Certificate").fill(sdk.authority)
        page.check()
        page.picture("workflow-security")
        dialog.get_by_role("button", name="Continue").click()
        dialog.get_by_label("Public Key", exact=True).fill(pem_of(sdk.key))
        dialog.get_by_text("Public key detected (256-bit Ed25519)").wait_for()
        dialog.get_by_label("Verification URL").fill(f"{sdk.origin}/verify")
        dialog.get_by_role("button", name="Review & Submit").click()
        dialog.get_by_text("Mutual TLS requires valid certificates").wait_for()
        page.picture("workflow-review")
        dialog.get_by_role("button", name="Register MCP Server").click()

        # The initial verification is followed live.
        page.get_by_text("Waiting for a worker…").wait_for()
        assert "PRIVATE KEY-----\n" not in page.content()
        page.check()
        page.picture("workflow-run-waiting")
        server = McpServer.objects.get(organization=cast.organization)
        work(server)
        page.get_by_text("MCP Server Verified Successfully").wait_for()
        expect(page.locator(".run-steps > .passed")).to_have_count(7)
        page.check()
        page.picture("workflow-run-done")
        page.get_by_role("dialog").get_by_role("link", name="Close").click()
        row = page.locator(f"#{server.public_id}.row-new")
        row.get_by_text("Verified").wait_for()
        row.get_by_text("Configured").wait_for()
        page.picture("workflow-list")

        # Test Connection.
        row.get_by_role("link", name="AWS Lambda Connector MCP", exact=True).click()
        page.get_by_role("button", name="Test Connection").first.click()
        page.get_by_text("Waiting for a worker…").wait_for()
        work(server)
        page.get_by_text("All tests passed").wait_for()
        page.picture("workflow-test")
        page.get_by_role("dialog").get_by_role("link", name="Close").click()

        # Capabilities.
        page.get_by_role("link", name="Edit Capabilities").click()
        page.get_by_label("Enable list_functions").check()
        page.get_by_label("Permission level of list_functions").select_option("auto")
        page.get_by_role("button", name="Update Capabilities").click()
        page.get_by_text("Capabilities updated. They are in force for the very next call.").wait_for()
        tool = server.tools.get(name="list_functions")
        assert (tool.enabled, tool.permission) == (True, "auto")
        page.check()
        agent = make_agent(cast.admin.actor, capabilities=["mcp.call"], display_name="Claude Code Assistant")
        assert ask(product, agent, server) == ("approved", "")
        page.get_by_label("Enable list_functions").uncheck()
        page.get_by_role("button", name="Update Capabilities").click()
        page.get_by_role("row", name="list_functions").get_by_text("Off").wait_for()
        assert ask(product, agent, server) == ("denied", "mcp_capability_disabled")

        # Workflow 8: the identity, and the key to take along.
        page.get_by_role("link", name="Cryptographic Identity").click()
        page.get_by_text("Challenge-Response Protocol").wait_for()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as PEM").click()
        assert download.value.suggested_filename == "aws-lambda-connector-public-key.pem"
        assert load_pem_public_key(Path(download.value.path()).read_bytes()) == sdk.key.public_key()
        page.check()
        page.picture("workflow-identity")

        # Workflow 9: the key is old, and is rotated.
        ServerKey.objects.filter(server=server).update(created_at=clock.now() - timedelta(days=92))
        page.open(f"/dashboard/mcp/{server.public_id}?tab=identity")
        page.get_by_text("Overdue (90 day policy)").wait_for()
        page.get_by_role("link", name="Rotate Key").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("New Key", exact=True).fill(pem_of(sdk.key))
        dialog.get_by_text("New key must be different from current key.").wait_for()
        dialog.get_by_label("New Key", exact=True).fill(pem_of(new_key))
        dialog.get_by_text("Different from current key").wait_for()
        page.check()
        page.picture("workflow-rotate")
        dialog.get_by_role("button", name="Rotate Key").click()
        asked = page.get_by_role("alertdialog", name="Are you sure you want to rotate cryptographic keys?")
        asked.get_by_role("button", name="Confirm Rotation").click()
        dialog.get_by_text("Confirm that the server has the new private key.").wait_for()
        page.problems[:] = [problem for problem in page.problems if "422" not in problem]
        page.check()
        dialog.get_by_role("button", name="Rotate Key").click()
        asked.get_by_label("I have updated my server with the new private key").check()
        page.check()
        page.picture("workflow-rotate-confirm")
        asked.get_by_role("button", name="Confirm Rotation").click()
        page.get_by_text("New key added. Verification required.").first.wait_for()
        page.get_by_role("dialog").get_by_role("button", name="Verify New Key").click()
        page.get_by_text("Waiting for a worker…").wait_for()
        work(server)
        page.get_by_text("The old key has agreed to the new one").wait_for()
        page.check()
        page.picture("workflow-agreed")
    with sdk_server(authority=authority, client_authority=clients, key=new_key) as sdk:
        # The same server, with the new private key; only its port is another, as no two tests share one.
        McpServer.objects.filter(id=server.id).update(url=sdk.url, verification_url=f"{sdk.origin}/verify")
        page.get_by_role("dialog").get_by_role("button", name="Verify New Key").click()
        page.get_by_text("Waiting for a worker…").wait_for()
        work(server)
        page.get_by_text("New key verified successfully!").wait_for()
        page.picture("workflow-new-key")
        page.get_by_role("dialog").get_by_role("link", name="Close").click()
        page.get_by_text("In progress (Day 1 of 7)").wait_for()
        page.get_by_text("Active Keys: 2 keys").wait_for()
        page.check()
        page.picture("workflow-rollover")

        # Time passes, a day at a time, to the end.
        rotation = server.rotations.get()
        for day in range(2, 8):
            a_day_passes(rotation)
            page.open(f"/dashboard/mcp/{server.public_id}?tab=identity")
            page.get_by_text(f"In progress (Day {day} of 7)").wait_for()
        a_day_passes(rotation)
        rotation.refresh_from_db()
        assert (rotation.state, rotation.completion) == ("completed", "automatic")
        assert set(rotation.reminders) == {3, 6}
        page.open(f"/dashboard/mcp/{server.public_id}?tab=identity")
        page.get_by_text("Up to date").wait_for()
        page.get_by_text("Active Keys: 1 key").wait_for()
        page.get_by_text("Key Rotation History").wait_for()
        assert server.keys.get(status="active").thumbprint == rotation.new_key.thumbprint

        # Workflow 10: verify once more with the new key, and hand it to an auditor.
        page.get_by_role("link", name="Verify Now").click()
        page.get_by_role("heading", name="Verification Checklist").wait_for()
        page.check()
        page.picture("workflow-verify")
        page.get_by_role("dialog").get_by_role("button", name="Verify Now").click()
        page.get_by_text("Waiting for a worker…").wait_for()
        work(server)
        page.get_by_text("MCP Server Verified Successfully").wait_for()
        page.get_by_role("dialog").get_by_role("link", name="Close").click()
        page.get_by_role("link", name="Verification History").click()
        page.get_by_role("img", name="Share of verification attempts that succeeded, day by day").wait_for()
        page.check()
        page.picture("workflow-history")
        follow_all("mcp_use")
        page.get_by_role("link", name="Connected Agents").click()
        row = page.get_by_role("row", name="Claude Code Assistant")
        expect(row.get_by_role("cell").nth(4)).to_have_text("2")
        page.check()
        page.picture("workflow-agents")
        page.get_by_role("link", name="Security Events").click()
        denied = f"Access denied to {agent.agent.name}, once within the hour: MCP tool is disabled"
        page.get_by_text(denied).wait_for()
        page.get_by_role("button", name="Severity").click()
        page.get_by_role("checkbox", name="Medium").check()
        page.get_by_role("button", name="Filter", exact=True).click()
        page.locator(".chip", has_text="Medium").wait_for()
        events = page.get_by_role("region", name="Security events").locator("tbody tr")
        expect(events.filter(has_text=denied)).to_have_count(1)
        expect(events.filter(has_text="Key rotation started")).to_have_count(0)
        page.check()
        page.picture("workflow-events")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export JSON").click()
        exported = json.loads(Path(download.value.path()).read_text())
        assert {event["severity"] for event in exported} == {"medium"}
        assert [event["text"] for event in exported if event["kind"] == "access_denied"] == [denied]
        second = make_proved_server(cast.manager.actor, display_name="Filesystem MCP")
        page.get_by_role("link", name="Cryptographic Identity").click()
        page.get_by_role("link", name="Compare Servers").last.click()
        page.get_by_role("button", name="Add servers").click()
        page.get_by_role("checkbox", name="Filesystem MCP").check()
        page.get_by_role("button", name="Compare", exact=True).click()
        compared = page.get_by_role("region", name="Compared servers")
        compared.get_by_role("columnheader", name="Filesystem MCP").wait_for()
        compared.get_by_role("columnheader", name="AWS Lambda Connector MCP").wait_for()
        expect(page.page).to_have_url(re.compile(second.public_id))
        page.check()
        page.picture("workflow-compare")
        page.open(f"/dashboard/mcp/{server.public_id}?tab=identity")
        page.get_by_role("link", name="Generate Crypto Report").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Generate Report").click()
        page.get_by_text("Waiting for a worker").wait_for()
        make(Report.objects.get(subject_id=server.id))
        page.get_by_text("The report is ready").wait_for()
        page.check()
        page.picture("workflow-report")
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("link", name="Download", exact=True).click()
        assert download.value.suggested_filename == f"aws-lambda-connector-crypto-report-{clock.now():%Y-%m-%d}.pdf"
        pdf = BytesIO(Path(download.value.path()).read_bytes())
        [signature] = PdfFileReader(pdf).embedded_signatures
        signer = x509.load_der_x509_certificate(signature.signer_cert.dump())
        assert signer.subject.rfc4514_string().startswith("CN=AIM reports")
