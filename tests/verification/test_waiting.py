"""The long poll ends when the decision changes or the time is up, and never for a stranger's sake."""

import asyncio
import time
from datetime import timedelta

import pytest
from django.db import connection

from aim.ids import IdKind, parse_id
from tests.factories.timing import assert_within
from tests.verification.world import make_agent, make_organization
from verification.engine import engine_for_threads
from verification.models import Verification
from verification.waiting import WaitLane


@pytest.fixture(scope="module")
def made():
    _, admin = make_organization()
    return make_agent(admin, require_approval=["file_read"], calls_per_hour=1000)


def follow(made, verification_id, query, *, meanwhile=None, api_key=None):
    """How long the lane waits before it hands the question on, and the first message the view then receives."""
    engine = engine_for_threads()
    seen = []

    async def application(_scope, receive, _send):
        seen.append(await receive())

    async def receive():
        if not seen and not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    asked, ended = [], asyncio.Event()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/verify/{verification_id}",
        "query_string": query,
        "headers": [(b"authorization", f"Bearer {api_key or made.api_key}".encode())],
    }
    started = time.monotonic()
    future = asyncio.run_coroutine_threadsafe(WaitLane(application)(scope, receive, None), engine.loop)
    if meanwhile is not None:
        meanwhile()
    future.result(timeout=60)
    engine.loop.call_soon_threadsafe(ended.set)
    return time.monotonic() - started, seen[0]


def ask(made):
    return made.ask_natively().json()["verification_id"]


def settle(verification_id):
    row = Verification.objects.filter(id=parse_id(IdKind.VERIFICATION, verification_id))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row.update(expires_at=cursor.fetchone()[0] - timedelta(seconds=1))


def test_pending_one_is_waited_for_until_the_time_is_up(made):
    waited, message = follow(made, ask(made), b"wait=1")
    assert 0.9 < waited < 15
    assert message["type"] == "http.request"


def test_change_ends_the_wait(made):
    verification_id = ask(made)
    waited, _ = follow(made, verification_id, b"wait=20", meanwhile=lambda: (time.sleep(0.4), settle(verification_id)))
    assert 0.3 < waited < 15


@pytest.mark.parametrize("query", [b"wait=0", b"wait=-5", b"wait=1e3", b"wait=", b"wait=1&wait=9", b"wait=999", b"w=5"])
def test_what_is_no_wait_is_not_waited_for(made, query):
    verification_id = ask(made)
    assert_within(0.9, lambda: follow(made, verification_id, query))


def test_strangers_do_not_wait(made):
    verification_id = ask(made)
    other = make_agent(make_organization()[1])
    assert follow(made, verification_id, b"wait=20", api_key=other.api_key)[0] < 15
    assert follow(made, verification_id, b"wait=20", api_key="aim_unknown")[0] < 15


def test_decided_one_is_not_waited_for():
    _, admin = make_organization()
    approved = make_agent(admin)
    assert follow(approved, ask(approved), b"wait=20")[0] < 15
