"""R18: hundreds of people watch live, and some of their sockets never read. Decisions must not notice."""

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from tests.chaos.agents import Organization
from tests.chaos.client import Client
from tests.chaos.installation import CHECKOUT, Installation
from tests.chaos.outcome import Outcome, judged, percentile
from tests.chaos.sockets import Crowd, Report

PEOPLE = 25
"""Each has as many sockets as the others; the product lets one person have 25 in a process."""
SILENT_RATE = 50
MOST_GROWTH_MB = 128
CONNECTIONS, PAUSE = 6, 0.05
SLOWED, SLOWED_MS = 2, 50
"""Decisions may take twice as long, and 50 ms more."""
_ADD_PEOPLE = """
import json
from accounts.models import Organization
from tests.factories.accounts import make_person
organization = Organization.objects.get(name={name!r})
print(json.dumps([make_person(organization).token for _ in range({people})]))
"""


def watch_in_crowds(site: Installation, *, reading: int, silent: int, seconds: float) -> Outcome:
    """The same load so many seconds with so many sockets, `silent` of which never read, and without before and after.

    Each socket must have been told of every decision, or of how many it was not told of, or was closed.
    """
    outcome = Outcome("R18", f"{reading + silent} live sockets, {silent} of which never read", tries=reading + silent)
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    tokens = _tokens(site, organization)
    crowd = Crowd(port=site.port, tokens=tokens, reading=reading, silent=silent, rate=SILENT_RATE)
    with site.working(processes=1), judged(site, outcome) as client:
        load = {"connections": CONNECTIONS, "pause": PAUSE}
        with client.load(agents, label="alone", **load):
            time.sleep(seconds)
        before = _memory_mb(site)
        sockets = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.sockets"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            _tell(sockets, msgspec.json.encode(crowd).decode())
            with client.load(agents, label="watched", **load):
                time.sleep(seconds)
                growth = max(after - before.get(pid, 0) for pid, after in _memory_mb(site).items())
            number = len(client.answered("watched"))
            report = msgspec.json.decode(_tell(sockets, str(number)), type=Report)
        finally:
            sockets.kill()
            # Reads what is left, waits, and closes both pipes.
            sockets.communicate()
        with client.load(agents, label="alone again", **load):
            time.sleep(seconds)
        _judge(outcome, client, report, growth)
    return outcome


def _judge(outcome: Outcome, client: Client, report: Report, growth: float) -> None:
    outcome.measure(client.answered("watched"))
    for share in (0.5, 0.99):
        # The sockets' other ends take their part of the same processors.
        alone = max(percentile(client.answered(label), share) for label in ("alone", "alone again"))
        watched = percentile(client.answered("watched"), share)
        outcome.notes.append(f"p{100 * share:.0f} {alone:.1f} ms alone, {watched:.1f} ms watched")
        outcome.expect(watched <= SLOWED * alone + SLOWED_MS, f"R18: slowed, {outcome.notes[-1]}")
    outcome.expect(growth < MOST_GROWTH_MB, f"R18: a web process grew by {growth:.0f} MB")
    outcome.expect(report.opened == outcome.tries, f"R18: {report.opened} sockets were opened")
    outcome.expect(report.closed_readers == 0, f"R18: {report.closed_readers} that read were closed")
    outcome.expect(not report.wrong, f"R18: {len(report.wrong)} miscounted, as {report.wrong[:3]}")
    outcome.notes.append(
        f"{report.told:,} told, {report.skipped:,} skipped ({report.skipped_by_silent:,} by silent sockets),"
        f" {report.closed_silent} silent sockets closed; a web process grew by {growth:.0f} MB"
    )


def _tokens(site: Installation, organization: Organization) -> list[str]:
    code = _ADD_PEOPLE.format(name=organization.name, people=PEOPLE)
    tokens: list[str] = json.loads(site.manage("shell", "--no-imports", "-c", code).splitlines()[-1])
    return tokens


def _tell(sockets: "subprocess.Popen[str]", line: str) -> str:
    """Send a line and wait for the next one."""
    assert sockets.stdin is not None
    assert sockets.stdout is not None
    sockets.stdin.write(f"{line}\n")
    sockets.stdin.flush()
    answer = sockets.stdout.readline()
    if not answer:
        raise RuntimeError("The crowd has died")
    return answer


def _memory_mb(site: Installation) -> dict[int, float]:
    """The memory of each web process that is its own or shared, in MB."""
    found = {}
    for pid in site.web_pids():
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        found[pid] = pages * 4096 / 1e6
    return found
