"""R13: MCP servers that take connections and never answer. Decisions must not notice, nor servers that do answer."""

import statistics
import time
from contextlib import ExitStack

import psycopg

from tests.chaos.agents import Agent, Organization
from tests.chaos.client import Client
from tests.chaos.installation import Installation, Workers
from tests.chaos.outcome import P99_MS, Outcome, judged, percentile
from tests.mcp.servers import hanging_server, health_server

SLOWER_AT_MOST, SLACK_MS = 2.0, 10.0
"""How much slower the middle decision may be on a machine that others use too."""
TURN_SECONDS = 1.0
CHECKED_WITHIN_SECONDS = 30.0
LANES = 8 + 4
_UNDER_WAY = "SELECT count(*) FROM mcp_verificationrun WHERE state = 'running'"
_HEALTHY = "SELECT count(*) FROM mcp_mcpserver WHERE health = 'healthy' AND organization_id = %s"


def hang(site: Installation, *, servers: int, seconds: float) -> Outcome:
    """So many servers that hang, registered at once, all due; decisions are asked for so long before and meanwhile."""
    outcome = Outcome("R13", f"{servers} MCP servers that hang")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    with ExitStack() as stack:
        silent, real = stack.enter_context(hanging_server()), stack.enter_context(health_server())
        workers = stack.enter_context(site.working(processes=1, environment={"AIM_OUTBOUND_ALLOW": "127.0.0.0/8"}))
        connection = stack.enter_context(site.superuser())
        client = stack.enter_context(judged(site, outcome))
        _ask(client, agents, workers, seconds, "before")
        for number in range(servers):
            _register(organization, f"hangs-{number}", silent)
        for number in range(5):
            _register(organization, f"answers-{number}", real.url)
        begun = time.monotonic()
        _ask(client, agents, workers, seconds, "meanwhile", connection=connection, outcome=outcome)
        _wait_for_the_healthy(connection, workers, organization, outcome, begun)
        before, meanwhile = client.answered("before"), client.answered("meanwhile")
    outcome.tries = servers
    # What is unusual may wait for a person; every answer counts for the time that it took.
    outcome.p99 = percentile(meanwhile, 0.99)
    outcome.expect(outcome.p99 < P99_MS, f"p99 was {outcome.p99:.0f} ms")
    medians = [statistics.median(answer.ms for answer in answers) for answers in (before, meanwhile)]
    tails = [percentile(answers, 0.99) for answers in (before, meanwhile)]
    outcome.notes.append(f"median {medians[0]:.1f} → {medians[1]:.1f} ms, p99 {tails[0]:.0f} → {tails[1]:.0f} ms")
    bound = medians[0] * SLOWER_AT_MOST + SLACK_MS
    outcome.expect(medians[1] <= bound, f"decisions took {medians[1]:.1f} ms, were {medians[0]:.1f} ms")
    return outcome


def _register(organization: Organization, name: str, url: str) -> None:
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
    organization.expect(201, "POST", "/api/v1/mcp-servers", body)


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
    most = 0
    with client.load(agents, connections=4, pause=0.02, label=label):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            _turn(workers)
            time.sleep(TURN_SECONDS)
            if connection is not None:
                most = max(most, int(str(connection.execute(_UNDER_WAY).fetchall()[0][0])))
    if outcome is not None:
        outcome.notes.append(f"{most} runs hung at once")
        outcome.expect(most >= LANES // 2, f"only {most} runs were under way: nothing was tried")


def _turn(workers: Workers) -> None:
    for task in ("check_servers_health", "verify_due_servers", "tend_runs"):
        workers.send(f"mcp.tasks.{task}")


def _wait_for_the_healthy(
    connection: "psycopg.Connection[tuple[object, ...]]",
    workers: Workers,
    organization: Organization,
    outcome: Outcome,
    begun: float,
) -> None:
    """Those that answer are checked on time, whoever hangs beside them."""
    while time.monotonic() - begun < CHECKED_WITHIN_SECONDS:
        healthy = connection.execute(_HEALTHY, [organization.id.removeprefix("org_")]).fetchall()[0][0]
        if healthy == 5:
            outcome.recovered(time.monotonic() - begun, within=CHECKED_WITHIN_SECONDS)
            return
        _turn(workers)
        time.sleep(0.5)
    outcome.expect(False, "servers that answer were not checked beside those that hang")
