"""Verifications by the schedule against a real server: failing, suspended, back."""

import threading
import time
from datetime import timedelta
from functools import partial

import pytest
import trustme

from aim import clock
from aim.mail.models import OutgoingMail
from aim.rounds import Crew
from mcp.models import McpServer, VerificationRun, VerificationStatus
from mcp.services.lifecycle import suspend_server
from mcp.services.registration import update_server
from mcp.services.runs import next_waiting, tend_runs
from mcp.services.runs import perform_run as perform
from mcp.services.schedule import VERIFICATION_ROUNDS, claim_verifications, due_servers
from mcp.tasks import perform_run, verify_due_servers
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.mcp import make_server
from tests.factories.threads import at_once
from tests.factories.timing import wait_until
from tests.mcp.servers import hanging_server, health_server

_HEALTH_ALONE = {"verify_signature": False, "verify_capabilities": False}
pytestmark = pytest.mark.usefixtures("loopback", "_quiet")


@pytest.fixture
def _quiet():
    """The servers of other tests are not due, and their runs wait for nobody: what is to be done is this test's own."""
    McpServer.objects.update(next_verification_at=clock.now() + timedelta(days=3650))
    VerificationRun.objects.filter(state="waiting").update(state="abandoned", finished_at=clock.now())
    yield
    wait_until(lambda: not any(thread.name.endswith("-crew") for thread in threading.enumerate()))


@pytest.fixture
def _mail(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


@pytest.fixture
def admin():
    return make_person(make_organization())


def verified(server: McpServer) -> McpServer:
    """Make the server due, and see to whatever is."""
    McpServer.objects.filter(id=server.id).update(next_verification_at=clock.now())
    VERIFICATION_ROUNDS.run()
    server.refresh_from_db()
    return server


def due_in(server: McpServer) -> timedelta:
    assert server.next_verification_at is not None
    return server.next_verification_at - clock.now()


@pytest.mark.requirement("W6.7", "W8.4")
@pytest.mark.usefixtures("_mail")
def test_a_server_that_fails_is_tried_soon_suspended_at_its_threshold_and_back_after_a_good_run(admin, sdk):
    server = make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields(reverify_hours=12))
    verified(server)
    assert (server.verification, server.consecutive_failures) == ("verified", 0), server.runs.first()
    assert timedelta(hours=11) < due_in(server) <= timedelta(hours=12)
    McpServer.objects.filter(id=server.id).update(ca_certificate=trustme.CA().cert_pem.bytes().decode())
    for failures, minutes in ((1, 5), (2, 10), (3, 20)):
        verified(server)
        assert (server.verification, server.consecutive_failures) == ("failed", failures)
        assert timedelta(minutes=minutes - 1) < due_in(server) <= timedelta(minutes=minutes)
        assert (server.status == "suspended") is (failures == 3)
    assert server.suspended_by_failures
    update_server(admin.actor, server.id, changes={"ca_certificate": sdk.authority})
    assert server.runs.filter(state="waiting").get().trigger == "renewal"
    verified(server)
    assert (server.status, server.verification, server.consecutive_failures) == ("active", "verified", 0)
    subjects = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="mcp_failure").order_by("id")
    assert [mail.subject for mail in subjects] == [
        f"AIM: MCP server {server.name} has failed its verification",
        f"AIM: MCP server {server.name} is suspended",
        f"AIM: MCP server {server.name} is back",
    ]


@pytest.mark.requirement("W6.7")
def test_each_due_server_is_verified_once_by_many_workers(admin, sdk):
    servers = [make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields()) for _ in range(4)]
    claimed = at_once(4, lambda _: claim_verifications({"usual": 8, "failing": 8}))
    assert sorted(job for jobs in claimed for _, job in jobs) == sorted(server.id for server in servers)
    for server in servers:
        McpServer.objects.filter(id=server.id).update(next_verification_at=clock.now())
    VERIFICATION_ROUNDS.run()
    runs = VerificationRun.objects.filter(server__in=servers)
    assert [run.state for run in runs] == ["succeeded"] * 4


def test_who_is_not_verified_by_the_schedule(admin):
    retired, by_person = make_server(admin.actor), make_server(admin.actor)
    McpServer.objects.filter(id=retired.id).update(status="retired")
    suspend_server(admin.actor, by_person.id, reason="Maintenance")
    assert not due_servers(clock.now()).filter(id__in=[retired.id, by_person.id]).exists()
    McpServer.objects.filter(id=by_person.id).update(suspended_by_failures=True)
    assert due_servers(clock.now()).filter(id=by_person.id).exists()


@pytest.mark.requirement("W6.7")
def test_hanging_servers_keep_no_other_from_being_verified(admin, sdk):
    with hanging_server() as silent:
        hanging = [make_server(admin.actor, url=silent, timeout_seconds=2) for _ in range(6)]
        McpServer.objects.filter(id__in=[server.id for server in hanging]).update(consecutive_failures=1)
        good = make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields())
        VERIFICATION_ROUNDS.run()
    good.refresh_from_db()
    failed = VerificationRun.objects.filter(server__in=hanging)
    assert {run.error_code for run in failed} == {"timeout"}
    assert good.verification == "verified"
    ended = VerificationRun.objects.filter(server__in=[*hanging, good]).order_by("finished_at")
    assert good.runs.get() in list(ended)[:4]


@pytest.mark.requirement("W6.7")
def test_the_tasks_hand_the_work_over_and_are_done(admin, sdk):
    with hanging_server() as silent:
        hanging = make_server(admin.actor, url=silent, timeout_seconds=4)
        server = make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields())
        begun = time.monotonic()
        assert perform_run(hanging.runs.get().id.hex)
        assert verify_due_servers()
        assert time.monotonic() - begun < 4
        wait_until(
            lambda: not VerificationRun.objects.filter(server__in=[server, hanging], finished_at=None).exists(),
        )
        # The rounds end once nothing is due.
        VERIFICATION_ROUNDS.run()
    server.refresh_from_db()
    assert server.verification == "verified"
    assert hanging.runs.first().error_code == "timeout"


@pytest.mark.requirement("W6.7")
def test_a_place_that_becomes_free_takes_up_what_waits_longest(admin):
    """Nobody waits for the next turn of beat, and beat need not tell of every run that waits."""
    with health_server() as real:
        servers = [make_server(admin.actor, url=real.url, health_endpoint="/health", **_HEALTH_ALONE) for _ in range(4)]
        runs = [server.runs.get() for server in servers]
        for age, run in enumerate(reversed(runs)):
            VerificationRun.objects.filter(id=run.id).update(created_at=clock.now() - timedelta(minutes=1 + age))
        assert next_waiting(VerificationStatus.UNVERIFIED) == runs[0].id
        crew = Crew("one", size=1, work=perform, following=partial(next_waiting, VerificationStatus.UNVERIFIED))
        assert crew.begin(runs[3].id)
        wait_until(lambda: not VerificationRun.objects.filter(server__in=servers, finished_at=None).exists())
    begun = VerificationRun.objects.filter(server__in=servers).order_by("started_at").values_list("id", flat=True)
    assert list(begun) == [runs[at].id for at in (3, 0, 1, 2)]


@pytest.mark.requirement("W6.7")
def test_a_crew_goes_on_after_a_job_that_broke_and_ends_where_nothing_can_be_asked():
    done, waiting = [], ["second"]

    def work(job):
        done.append(job)
        raise RuntimeError

    crew = Crew("fragile", size=1, work=work, following=waiting.pop)
    assert crew.begin("first")
    wait_until(lambda: crew.begin("third") or done == ["first", "second", "third"])
    wait_until(lambda: len(done) == 3)
    assert done == ["first", "second", "third"]


@pytest.mark.requirement("W6.7")
def test_beat_tells_of_a_few_that_wait_in_each_state(admin):
    servers = [make_server(admin.actor) for _ in range(12)]
    known = [make_server(admin.actor) for _ in range(2)]
    McpServer.objects.filter(id__in=[server.id for server in known]).update(verification="verified")
    VerificationRun.objects.filter(server__in=servers + known).update(created_at=clock.now() - timedelta(minutes=1))
    assert tend_runs() == (0, 8 + 2)
