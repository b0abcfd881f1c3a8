"""R13: MCP servers that take connections and never answer. Decisions must not notice, nor servers that do answer."""

import statistics
import time
from contextlib import ExitStack

import psycopg

from aim.schedule import SCHEDULE
from tests.chaos.agents import Agent, Organization
from tests.chaos.client import Client
from tests.chaos.installation import Installation, Workers
from tests.chaos.outcome import P99_MS, Outcome, judged, percentile
from tests.mcp.servers import hanging_server, health_server

SLOWER_AT_MOST, SLACK_MS = 2.0, 10.0
"""How much slower the middle decision, and p99, may be on a machine that others use too."""
LOOK_SECONDS = 0.5
_SCHEDULED = ("check-health", "verify-servers", "tend-runs")
CHECKED_WITHIN_SECONDS = 30.0
FOLLOWED_WITHIN_SECONDS = 10.0
VERIFIED_WITHIN_SECONDS = 15.0
LANES = 8 + 4
_UNDER_WAY = "SELECT count(*) FROM mcp_verificationrun WHERE state = 'running'"
_BEHIND = "SELECT count(*) FROM ledger_follower WHERE seq < %s"
HEALTHY = 6
# How many have ever been found healthy, and when the last of them was for the first time.
_HEALTHY = """
SELECT count(*), extract(epoch FROM max(first)) FROM (
    SELECT min(h.at) AS first FROM mcp_healthsample h JOIN mcp_mcpserver s ON s.id = h.server_id
    WHERE h.healthy AND s.organization_id = %s GROUP BY s.id
) AS found
"""


def hang(site: Installation, *, servers: int, seconds: float) -> Outcome:
    """So many servers that hang, all due at once; decisions are asked for so long before, meanwhile and after."""
    outcome = Outcome("R13", f"{servers} MCP servers that hang")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    with ExitStack() as stack:
        silent, real = stack.enter_context(hanging_server()), stack.enter_context(health_server())
        workers = stack.enter_context(site.working(processes=1, environment={"AIM_OUTBOUND_ALLOW": "127.0.0.0/8"}))
        connection = stack.enter_context(site.superuser())
        client = stack.enter_context(judged(site, outcome))
        _ask(client, agents, workers, seconds, "before")
        server = _register(organization, "is-known", real.url)
        # The first answers the run that its registration has begun; the second is one of a server that is verified.
        _verify(organization, server, outcome)
        known = _verify(organization, server, outcome)
        for number in range(servers):
            _register(organization, f"hangs-{number}", silent)
        for number in range(5):
            _register(organization, f"answers-{number}", real.url)
        begun = time.monotonic()
        _ask(client, agents, workers, seconds, "meanwhile", connection=connection, outcome=outcome)
        _wait_for_the_followers(connection, outcome)
        _wait_for_the_healthy(connection, workers, organization, outcome, begun)
        took = [known, _verify(organization, server, outcome)]
        outcome.notes.append(f"a verification by hand {took[0]:.1f} → {took[1]:.1f} s")
        _retire_all(organization)
        _wait_until_nothing_runs(connection, outcome)
        _ask(client, agents, workers, seconds, "after")
        quiet, meanwhile = [client.answered("before"), client.answered("after")], client.answered("meanwhile")
    outcome.tries = servers
    # What is unusual may wait for a person; every answer counts for the time that it took.
    outcome.p99 = percentile(meanwhile, 0.99)
    outcome.expect(outcome.p99 < P99_MS, f"p99 was {outcome.p99:.0f} ms")
    medians = [statistics.median(answer.ms for answer in answers) for answers in (quiet[0], meanwhile, quiet[1])]
    tails = [percentile(answers, 0.99) for answers in (quiet[0], meanwhile, quiet[1])]
    for name, (before, now, after) in (("median", medians), ("p99", tails)):
        outcome.notes.append(f"{name} {before:.1f} before, {now:.1f} meanwhile, {after:.1f} ms after")
        bound = max(before, after) * SLOWER_AT_MOST + SLACK_MS
        outcome.expect(now <= bound, f"{name} of decisions was {now:.1f} ms, {before:.1f} before and {after:.1f} after")
    return outcome


def _register(organization: Organization, name: str, url: str) -> str:
    body = {
        "name": name,
        "display_name": name,
        "version": "1",
        "url": url,
        "health_endpoint": "/health",
        "timeout_seconds": 30,
        "verify_signature": False,
        "verify_capabilities": False,
    }
    return str(organization.expect(201, "POST", "/api/v1/mcp-servers", body)["id"])


def _retire_all(organization: Organization) -> None:
    """Nothing goes on in the installation, which other faults use after this one: no runs, no checks, no mails."""
    while servers := organization.expect(200, "GET", "/api/v1/mcp-servers?status=active&status=suspended")["results"]:
        for server in servers:
            organization.expect(200, "POST", f"/api/v1/mcp-servers/{server['id']}/retire", {"reason": "R13 is over"})


def _ask(
    client: Client,
    agents: list[Agent],
    workers: Workers,
    seconds: float,
    label: str,
    *,
    connection: "psycopg.Connection[tuple[object, ...]] | None" = None,
    outcome: Outcome | None = None,
) -> None:
    """Decisions for so long, while the schedule turns as by beat."""
    most, beat = 0, Beat(workers)
    with client.load(agents, connections=4, pause=0.02, label=label):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            beat.turn()
            time.sleep(LOOK_SECONDS)
            if connection is not None:
                most = max(most, int(str(connection.execute(_UNDER_WAY).fetchall()[0][0])))
    if outcome is not None:
        outcome.notes.append(f"{most} runs hung at once")
        outcome.expect(most >= LANES // 2, f"only {most} runs were under way: nothing was tried")


class Beat:
    """Sends what concerns MCP servers as beat does, as often as the product's schedule says."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._due = dict.fromkeys(_SCHEDULED, 0.0)

    def turn(self) -> None:
        now = time.monotonic()
        for name, due in self._due.items():
            if due <= now:
                self._workers.send(SCHEDULE[name]["task"])
                self._due[name] = now + SCHEDULE[name]["schedule"].total_seconds()


def _wait_for_the_followers(connection: "psycopg.Connection[tuple[object, ...]]", outcome: Outcome) -> None:
    """The ledger's followers live in the same workers, and keep up with what was decided while the servers hang."""
    begun, at = time.monotonic(), connection.execute("SELECT max(seq) FROM ledger_leaf").fetchall()[0][0]
    while connection.execute(_BEHIND, [at]).fetchall()[0][0]:
        if time.monotonic() - begun > FOLLOWED_WITHIN_SECONDS:
            outcome.expect(False, "followers fell behind beside servers that hang")
            return
        time.sleep(0.1)
    outcome.notes.append(f"followers {time.monotonic() - begun:.1f} s behind")


def _wait_until_nothing_runs(connection: "psycopg.Connection[tuple[object, ...]]", outcome: Outcome) -> None:
    begun = time.monotonic()
    while connection.execute(_UNDER_WAY).fetchall()[0][0]:
        if time.monotonic() - begun > CHECKED_WITHIN_SECONDS:
            outcome.expect(False, "runs of servers that are retired went on")
            return
        time.sleep(0.1)


def _verify(organization: Organization, server: str, outcome: Outcome) -> float:
    """Seconds that a person waits for the verification of a server that answers."""
    begun = time.monotonic()
    _status, run = organization.call("POST", f"/api/v1/mcp-servers/{server}/verify", {})
    path = f"/api/v1/mcp-servers/{server}/runs/{run['id']}"
    while time.monotonic() - begun < VERIFIED_WITHIN_SECONDS:
        if organization.call("GET", path)[1]["finished_at"]:
            return time.monotonic() - begun
        time.sleep(0.05)
    outcome.expect(False, "the verification of a server that answers waited for servers that hang")
    return VERIFIED_WITHIN_SECONDS


def _wait_for_the_healthy(
    connection: "psycopg.Connection[tuple[object, ...]]",
    workers: Workers,
    organization: Organization,
    outcome: Outcome,
    begun: float,
) -> None:
    """Those that answer are checked on time, whoever hangs beside them; the load may have lasted longer than that."""
    of, beat = organization.id.removeprefix("org_"), Beat(workers)
    while True:
        count, latest = connection.execute(_HEALTHY, [of]).fetchall()[0]
        if count == HEALTHY or time.monotonic() - begun > CHECKED_WITHIN_SECONDS:
            break
        beat.turn()
        time.sleep(LOOK_SECONDS)
    late = float(str(latest)) - (time.time() - (time.monotonic() - begun)) if count == HEALTHY else float("inf")
    outcome.expect(late < CHECKED_WITHIN_SECONDS, "servers that answer were not checked beside those that hang")
    if count == HEALTHY:
        outcome.recovered(max(late, 0.0), within=CHECKED_WITHIN_SECONDS)
