"""A verification run as somebody watches it: each step as it is reached, while the server takes its time."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from playwright.sync_api import expect

from mcp.models import VerificationRun
from mcp.services.runs import perform_run
from tests.factories.agents import pem_of
from tests.factories.mcp import make_server
from tests.mcp.hostile import Bent, bent_server

pytestmark = pytest.mark.slow


def work(server):
    """What a worker does, beside the page that is watched."""
    try:
        for run in VerificationRun.objects.filter(server=server, state="waiting"):
            perform_run(run.id)
    finally:
        connection.close()


@pytest.mark.requirement("W6.3", "W8.3")
def test_a_run_is_followed_step_by_step_while_the_server_thinks(visit, cast, loopback):
    thinks, answers = threading.Event(), threading.Event()
    key = Ed25519PrivateKey.generate()
    honest, bent = Bent(key=key), Bent(key=key)

    def slowly(message):
        thinks.set()
        answers.wait(60)
        return honest.answer("/verify", json.dumps(message).encode())

    bent.bends["/verify"] = slowly
    with bent_server(bent), ThreadPoolExecutor(1) as pool:
        server = make_server(cast.admin.actor, public_key=pem_of(key), **bent.fields(timeout_seconds=60))
        server.runs.all().delete()
        page = visit(f"/dashboard/mcp/{server.public_id}", cast.manager)
        page.get_by_role("link", name="Verify Now").click()
        page.get_by_role("dialog").get_by_role("button", name="Verify Now").click()
        page.get_by_text("Waiting for a worker…").wait_for()
        working = pool.submit(work, server)
        try:
            assert thinks.wait(30)
            steps = page.get_by_role("dialog").locator("li")
            expect(steps.filter(has=page.locator(".spinner"))).to_have_count(1)
            expect(page.get_by_text("All checks passed")).to_have_count(0)
            run = VerificationRun.objects.get(server=server, state="running")
            passed = [step for step in run.steps if step["result"] == "passed"]
            assert passed
            assert all(step["ms"] is not None for step in passed)
            page.check_looks("server-run-half-way")
        finally:
            answers.set()
        working.result(60)
        page.get_by_text("MCP Server Verified Successfully").wait_for()
        page.check()
