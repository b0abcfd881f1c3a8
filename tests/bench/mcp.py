"""`python -m tests.bench.mcp [--servers N] [--folder F] [--only PART]`: health, list, runs and schedule of MCP servers.

Everything is real: PostgreSQL and Valkey of the bench's own, a server that answers health checks, and servers of the
official SDK over TLS. All of it shares the machine with what is measured.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models.base import ModelState

from aim.ids import uuid7

_WITHIN_SECONDS = 300
_RUNS, _LISTS = 30, 20
_PARTS = ["health", "lists", "runs", "schedule"]
_INTERVAL_HOURS = 24


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mcp", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to be measured")
    parser.add_argument("--servers", type=int, default=5_000)
    parser.add_argument("--only", choices=_PARTS, action="append", help="what is measured; all")
    parser.add_argument("--seconds", type=float, default=3_600, help="how long the schedule's verifications may take")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        _measure(arguments.servers, arguments.only or _PARTS, seconds=arguments.seconds)
        return
    from tests.bench.product import migrate, run_command  # noqa: PLC0415 - only the outer process starts servers
    from tests.bench.servers import stores  # noqa: PLC0415 - see above

    with stores(arguments.folder) as site:
        os.environ["AIM_OUTBOUND_ALLOW"] = "127.0.0.0/8,::1/128"
        os.environ["AIM_ALLOWED_HOSTS"] = "127.0.0.1,localhost,testserver"
        migrate(site)
        only = [part for name in arguments.only or () for part in ("--only", name)]
        told = ["--servers", str(arguments.servers), "--seconds", str(arguments.seconds)]
        run_command(site, "-m", "tests.bench.mcp", "--inside", *told, *only)


def _measure(count: int, parts: Sequence[str], *, seconds: float) -> None:
    import django  # noqa: PLC0415 - the environment names the databases by now

    django.setup()
    from django.db import connection  # noqa: PLC0415 - needs Django

    from mcp.models import McpServer, ServerKey  # noqa: PLC0415 - see above
    from tests.factories.accounts import make_organization, make_person  # noqa: PLC0415 - see above
    from tests.mcp.servers import health_server  # noqa: PLC0415 - see above

    person = make_person(make_organization())
    with health_server() as real:
        servers = McpServer.objects.bulk_create(
            McpServer(
                organization=person.organization,
                owner=person.user,
                name=f"server-{number:05d}",
                display_name=f"Server {number}",
                version="1.0.0",
                url=real.url,
                health_endpoint="/health",
            )
            for number in range(count)
        )
        ServerKey.objects.bulk_create(
            ServerKey(
                server=server,
                key_type="ed25519",
                bits=256,
                pem="",
                fingerprint=f"{number:064x}",
                thumbprint=f"{number:043x}",
                status=ServerKey.Status.ACTIVE,
            )
            for number, server in enumerate(servers)
            if number % 10
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        if "health" in parts:
            _health(count)
        if "lists" in parts:
            _lists(person, count)
    if "runs" in parts:
        _runs(person)
    if "schedule" in parts:
        _schedule(person, count, seconds)


def _health(count: int) -> None:
    from aim import clock  # noqa: PLC0415 - needs Django
    from mcp.models import HealthSample, McpServer  # noqa: PLC0415 - see above
    from mcp.services.health import HEALTH_ROUNDS  # noqa: PLC0415 - see above
    from tests.mcp.servers import hanging_server  # noqa: PLC0415 - see above

    with hanging_server() as silent:
        used, begun = _processor_seconds(), time.perf_counter()
        HEALTH_ROUNDS.run()
        seconds, used = time.perf_counter() - begun, _processor_seconds() - used
        assert HealthSample.objects.filter(healthy=True).count() == count
        _say(f"health of {count} servers that are all due", f"{seconds:.0f} s, {count / seconds:.0f} a second")
        _say(
            "  processor, the answering server in the same process", f"{used:.0f} s = {used / count * 1000:.1f} ms each"
        )
        _say(f"  that is, of two cores, every {_WITHIN_SECONDS} s", f"{50 * used / _WITHIN_SECONDS:.0f} %")
        hanging = McpServer.objects.filter(name__lt="server-00050")
        hanging.update(url=silent, health="unhealthy", timeout_seconds=10)
        McpServer.objects.update(next_health_at=clock.now())
        healthy = McpServer.objects.filter(last_health_at__gte=clock.now(), health="healthy")
        begun, at = time.perf_counter(), clock.now()
        HEALTH_ROUNDS.wake()
        while healthy.filter(last_health_at__gte=at).count() < count - 50:
            time.sleep(0.2)
        _say(f"  the {count - 50} others, beside 50 that hang", f"{time.perf_counter() - begun:.0f} s")


def _runs(person: object) -> None:
    import trustme  # noqa: PLC0415 - only the bench needs it
    from django.db import connection  # noqa: PLC0415 - needs Django
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415 - see above

    from mcp.services.runs import perform_run, start_run  # noqa: PLC0415 - see above
    from tests.factories.agents import pem_of  # noqa: PLC0415 - see above
    from tests.factories.mcp import make_server  # noqa: PLC0415 - see above
    from tests.mcp.sdk.running import sdk_server  # noqa: PLC0415 - see above

    with sdk_server(authority=trustme.CA()) as sdk:
        server = make_server(person.actor, public_key=pem_of(sdk.key), **sdk.fields())
        server.runs.all().delete()

        def run() -> None:
            waiting = start_run(None, server.id, purpose="verification", trigger="command", here=True)
            done = perform_run(waiting.id)
            assert done is not None
            assert done.state == "succeeded", done.error

        def own() -> float:
            before, begun = sdk.spent(), time.perf_counter()
            run()
            return time.perf_counter() - begun - (sdk.spent() - before)

        _say("a verification run of seven steps, SDK server over TLS", _spread(run, _RUNS))
        own()
        _say("  without the server's own time", _shown([own() for _ in range(_RUNS)]))
        with CaptureQueriesContext(connection) as queries:
            run()
        _say("  statements to the database", str(len(queries)))


def _schedule(person: object, count: int, patience: float) -> None:
    """All of them are due at once: the schedule's own task takes them, eight at a time, until none is left.

    After `patience` seconds the others are put off, and the pace so far tells how long all would have taken.

    They are what a first verification makes of servers: their keys proved, their tools and certificate pinned. Behind
    them are two servers of the SDK over TLS, in processes of their own, as no 5,000 fit into this machine.
    """
    import trustme  # noqa: PLC0415 - only the bench needs it

    from aim import clock  # noqa: PLC0415 - needs Django
    from mcp.models import McpServer, VerificationRun  # noqa: PLC0415 - see above
    from mcp.services.schedule import due_servers  # noqa: PLC0415 - see above
    from mcp.tasks import verify_due_servers  # noqa: PLC0415 - see above
    from tests.mcp.sdk.running import sdk_server  # noqa: PLC0415 - see above

    McpServer.objects.update(next_verification_at=clock.now() + timedelta(days=365))
    authority = trustme.CA()
    with sdk_server(authority=authority) as one, sdk_server(authority=authority) as other:
        for number, sdk in enumerate((one, other)):
            _verified_before(person, sdk, name=f"due-{number}", count=count // 2)
        at = clock.now()
        McpServer.objects.filter(name__startswith="due-").update(next_verification_at=at)
        runs = VerificationRun.objects.filter(trigger="schedule", finished_at__gt=at)
        total = due_servers(at).count()
        spent = one.spent() + other.spent()
        used, begun = _processor_seconds(), time.perf_counter()
        verify_due_servers()
        while (done := runs.count()) < total and time.perf_counter() - begun < patience:
            time.sleep(0.2)
        seconds, used = time.perf_counter() - begun, _processor_seconds() - used
        spent = one.spent() + other.spent() - spent
        due_servers(clock.now()).update(next_verification_at=at + timedelta(days=365))
        # The task says so once the process is no longer at it.
        while not verify_due_servers():
            time.sleep(0.2)
    states = list(runs.values_list("state", flat=True))
    assert set(states) == {"succeeded"}, {state: states.count(state) for state in set(states)}
    kept = McpServer.objects.filter(name__startswith="due-", verification="verified", last_verified_at__gt=at)
    assert kept.count() == len(states) >= done
    all_seconds = seconds * total / done
    _say(f"verification of {total} servers that are all due", f"{all_seconds:.0f} s, {done / seconds:.1f} a second")
    _say("  measured", f"{done} of them in {seconds:.0f} s")
    _say("  processor, without servers and PostgreSQL", f"{used:.0f} s = {used / done * 1000:.0f} ms each")
    _say("  what the two servers worked on requests", f"{spent:.0f} s = {spent / done * 1000:.0f} ms each")
    share = 100 * all_seconds / (_INTERVAL_HOURS * 3_600)
    _say(f"  that is, of the {_INTERVAL_HOURS} h until each is due again", f"{share:.1f} %")


def _verified_before(person: object, sdk: object, *, name: str, count: int) -> None:
    """`count` servers with everything that a good run leaves: that of the first one is copied to the others."""
    from mcp.models import Certificate, McpServer, Offering, ServerKey, Tool  # noqa: PLC0415 - needs Django
    from mcp.services.runs import perform_run, start_run  # noqa: PLC0415 - see above
    from tests.factories.agents import pem_of  # noqa: PLC0415 - see above
    from tests.factories.mcp import make_server  # noqa: PLC0415 - see above

    first = make_server(person.actor, name=f"{name}-00000", public_key=pem_of(sdk.key), **sdk.fields())
    first.runs.all().delete()
    run = start_run(None, first.id, purpose="verification", trigger="command", here=True)
    done = perform_run(run.id)
    assert done is not None
    assert done.state == "succeeded", done.error
    first.refresh_from_db()
    copies = []
    for number in range(1, count):
        server = _copy_of(first)
        server.id, server.name = uuid7(), f"{name}-{number:05d}"
        copies.append(server)
    McpServer.objects.bulk_create(copies, batch_size=500)
    for model in (ServerKey, Tool, Offering, Certificate):
        rows = []
        for row in model.objects.filter(server=first):
            for server in copies:
                made = _copy_of(row)
                made.id, made.server_id = uuid7(), server.id
                rows.append(made)
        model.objects.bulk_create(rows, batch_size=500)


def _copy_of(row: Any) -> Any:
    """A row of the same values that is not kept yet."""
    copied = copy(row)
    copied._state = ModelState()
    return copied


def _lists(person: object, count: int) -> None:
    from django.test import Client  # noqa: PLC0415 - needs Django

    from tests.factories.browser import signed_in_browser  # noqa: PLC0415 - see above

    client = Client()
    bearer = {"authorization": f"Bearer {person.token}"}

    def api() -> None:
        assert client.get("/api/v1/mcp-servers", headers=bearer).status_code == 200

    def searched() -> None:
        assert client.get("/api/v1/mcp-servers?q=server-04", headers=bearer).status_code == 200

    _say(f"GET /api/v1/mcp-servers of {count}", _spread(api, _LISTS))
    _say("  searched by q=server-04", _spread(searched, _LISTS))
    signed_in = signed_in_browser(person)

    def page() -> None:
        answer = signed_in.get("/dashboard/mcp")
        assert answer.status_code == 200, answer.headers

    _say(f"/dashboard/mcp of {count}", _spread(page, _LISTS))


def _spread(action: Callable[[], None], times: int) -> str:
    action()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return _shown(taken)


def _shown(seconds: list[float]) -> str:
    taken = sorted(1000 * value for value in seconds)
    return f"{statistics.median(taken):.0f} ms (median), {taken[-max(1, len(taken) // 20)]:.0f} ms (p95)"


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<60} {figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
