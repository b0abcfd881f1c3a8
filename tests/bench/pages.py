"""`python -m tests.bench.pages`: how long the server takes for each main page of a large organization.

Starts a PostgreSQL, a Valkey and the product's own web process, fills them with 100,000 agents, 1,000,000 decisions and
5,000 MCP servers, asks for every page in turn over one connection, and removes everything: about ten minutes.
"""

import argparse
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from tests.bench import machine, report
from tests.bench.agents import read_agents, write_agents
from tests.bench.client import percentile
from tests.bench.processes import CpuMeter, wait_for_quiet
from tests.bench.product import migrate, populate, run_command, start_product
from tests.bench.rounds import Length, run_client
from tests.bench.servers import BenchProblem, Stores, Subject, kept_stores, stop_subject, stores

TARGET_MS = 200
_RARE, _FREQUENT = "quarterly", "invoices"
COMMON_CLASS, RARE_CLASS, EMPTY_CLASS = "configuration", "quarterly", "nothing"
"""Classes of data by how much is of them: a fifth of all decisions, one in 5,000, and none."""
_FEW = 5
_LOOK_SECONDS = 0.1


class Known(msgspec.Struct, frozen=True):
    """What `tests.bench.pages_population` has written."""

    cookie: str
    value: str
    agent: str
    busy_agent: str
    verification: str
    approval: str
    owner: str


@dataclass(frozen=True)
class PageOf:
    """A page by name; `fragment` is the id of the part that htmx asks for."""

    name: str
    path: str
    fragment: str = ""


class PageFigures(msgspec.Struct, frozen=True):
    """Milliseconds from the request to the last byte of the answer; processor milliseconds per request; bytes."""

    name: str
    p50: float
    p95: float
    longest: float
    server_cpu: float
    postgres_cpu: float
    size: int
    others: float

    @property
    def met(self) -> bool:
        return self.p95 <= TARGET_MS


def pages_of(known: Known) -> Iterator[PageOf]:
    """Every main page, the lists with each filter and order, and the lists of the API."""
    yield PageOf("overview", "/dashboard")
    listed = "/dashboard/verifications"
    for span in ("1h", "24h", "7d", "30d", "90d", "365d"):
        yield PageOf(f"verifications, {span}", f"{listed}?range={span}")
    today = datetime.now(UTC).date()
    own = f"{listed}?since={today - timedelta(days=20)}&until={today - timedelta(days=10)}"
    yield PageOf("verifications, two days as range", own)
    for name, query in (
        ("denied", "status=denied"),
        ("action", "action=file_delete"),
        ("agent that asks most", f"agent={known.busy_agent}"),
        ("agent that asks rarely", f"agent={known.agent}"),
        ("reason", "code=rate_limited"),
        ("denied, action, reason", "status=denied&action=file_read&code=out_of_scope"),
        ("frequent word", f"q={_FREQUENT}"),
        ("rare word", f"q={_RARE}"),
        ("word that is nowhere", "q=xyzzy"),
        ("user", "user=usr_77"),
        ("session", "session=sess_12345_3"),
        ("oldest first", "sort=time"),
        ("200 rows", "rows=200"),
        ("data class of many", f"data={COMMON_CLASS}"),
        ("data class of few", f"data={RARE_CLASS}"),
        ("data class of none", f"data={EMPTY_CLASS}"),
        ("two data classes", f"data={COMMON_CLASS}&data={RARE_CLASS}"),
        ("data class, oldest first", f"data={COMMON_CLASS}&sort=time"),
        ("data class, denied", f"data={COMMON_CLASS}&status=denied"),
        ("data class, frequent word", f"data={COMMON_CLASS}&q={_FREQUENT}"),
        ("data class, word that all have", f"data={COMMON_CLASS}&q=app"),
        ("data class, rare word", f"data={RARE_CLASS}&q={_RARE}"),
        ("data class, word that is nowhere", f"data={COMMON_CLASS}&q=xyzzy"),
        ("data class, rare word, oldest first", f"data={RARE_CLASS}&q={_RARE}&sort=time"),
        ("data class, agent", f"data={COMMON_CLASS}&agent={known.busy_agent}"),
        ("data class, 200 rows", f"data={COMMON_CLASS}&rows=200"),
    ):
        yield PageOf(f"verifications, 90d, {name}", f"{listed}?range=90d&{query}")
    for span in ("1h", "24h", "7d", "365d"):
        yield PageOf(f"verifications, {span}, data class", f"{listed}?range={span}&data={COMMON_CLASS}")
    yield PageOf("verifications, two days as range, data class", f"{own}&data={COMMON_CLASS}")
    yield PageOf("verifications, 90d, filtered in place", f"{listed}?range=90d&status=denied", "verifications")
    yield PageOf("verification in the drawer", f"{listed}?range=90d&d={known.verification}", "drawer-place")
    yield PageOf("verification, own page", f"{listed}/{known.verification}")
    agents = "/dashboard/agents"
    yield PageOf("agents", agents)
    for order in ("-name", "version", "-status", "trust", "-trust", "owner", "-owner", "registered", "-registered"):
        yield PageOf(f"agents, by {order}", f"{agents}?sort={order}")
    for name, query in (
        ("pending", "status=pending"),
        ("capability", "capability=network.request"),
        ("low trust", "trust=low"),
        ("no key", "key=none"),
        ("owner", f"owner={known.owner}"),
        ("pending, by owner", "status=pending&sort=owner"),
        ("low trust, highest first", "trust=low&sort=-trust"),
        ("word", "q=reconciler"),
        ("word, by -owner", "q=reconciler&sort=-owner"),
        ("word that all have", "q=department"),
        ("one letter", "q=7"),
        ("word of one agent", "q=bench-77777"),
        ("word of a capability", "q=network"),
        ("word and capability", "q=reconciler&capability=network.request"),
        ("word that is nowhere", "q=xyzzy"),
        ("200 rows", "rows=200"),
    ):
        yield PageOf(f"agents, {name}", f"{agents}?{query}")
    for name, path in (
        ("agents", "agents"),
        ("agents, 200 rows", "agents?limit=200"),
        ("agents, pending", "agents?status=pending"),
        ("agents, capability", "agents?capability=database.read"),
        ("agents, capability of nobody", "agents?capability=database.write"),
        ("agents, tag of nobody", "agents?tag=xyzzy"),
        ("agents, owner", f"agents?owner={known.owner}"),
        ("agents, word", "agents?q=reconciler"),
        ("agents, word of one", "agents?q=bench-77777"),
        ("agents, word that is nowhere", "agents?q=xyzzy"),
        ("agents, name of a server", "agents?q=server-04"),
        ("verifications", "verifications"),
        ("verifications, 200 rows", "verifications?limit=200"),
        ("verifications, denied", "verifications?status=denied"),
        ("verifications, action", "verifications?action_type=file_delete"),
        ("verifications, agent", f"verifications?agent={known.agent}"),
        ("verifications, frequent word", f"verifications?q={_FREQUENT}"),
        ("verifications, rare word", f"verifications?q={_RARE}"),
        ("verifications, word that all have", "verifications?q=app"),
        ("verifications, word that is nowhere", "verifications?q=xyzzy"),
        ("verifications, rare word, denied", f"verifications?q={_RARE}&status=denied"),
        ("verifications, action of nobody", "verifications?action_type=xyzzy"),
        ("verifications, reason", "verifications?code=rate_limited"),
        ("verifications, reason of nobody", "verifications?code=xyzzy"),
        ("verifications, agent and action of nobody", f"verifications?agent={known.busy_agent}&action_type=xyzzy"),
        ("verifications, a day long ago", f"verifications?since={_moment(50)}&until={_moment(49)}"),
        ("verifications, data class of many", f"verifications?data_class={COMMON_CLASS}"),
        ("verifications, data class of few", f"verifications?data_class={RARE_CLASS}"),
        ("verifications, data class of none", f"verifications?data_class={EMPTY_CLASS}"),
        ("verifications, data class of nobody", "verifications?data_class=xyzzy"),
        ("verifications, data class, frequent word", f"verifications?data_class={COMMON_CLASS}&q={_FREQUENT}"),
        ("verifications, data class, rare word", f"verifications?data_class={RARE_CLASS}&q={_RARE}"),
        ("verifications, data class, word that is nowhere", f"verifications?data_class={COMMON_CLASS}&q=xyzzy"),
        ("verifications, data class, denied", f"verifications?data_class={RARE_CLASS}&status=denied"),
        ("servers", "mcp-servers"),
        ("servers, word", "mcp-servers?q=4711"),
        ("servers, word of some", "mcp-servers?q=server-04"),
        ("servers, word that all have", "mcp-servers?q=server"),
        ("servers, word that is nowhere", "mcp-servers?q=xyzzy"),
    ):
        yield PageOf(f"API {name}", f"/api/v1/{path}")
    servers = "/dashboard/mcp"
    yield PageOf("servers", servers)
    for name, query in (
        ("by url", "sort=url"),
        ("by verified", "sort=-verified"),
        ("failed", "verification=failed"),
        ("key rotating or missing", "key=missing&key=rotating"),
        ("word", "q=4711"),
        ("200 rows", "rows=200"),
    ):
        yield PageOf(f"servers, {name}", f"{servers}?{query}")
    for tab in ("", "?tab=activity", "?tab=trust", "?tab=history", "?tab=keys", "?tab=rights"):
        yield PageOf(f"agent {tab.removeprefix('?tab=') or 'overview'}", f"{agents}/{known.busy_agent}{tab}")
    for view in ("waiting", "decided"):
        yield PageOf(f"approvals, {view}", f"/dashboard/approvals?view={view}")
    yield PageOf("approvals, one", f"/dashboard/approvals?a={known.approval}")


def _moment(days: int) -> str:
    """So many days ago."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def prepare(running: Stores, *, agents: int, decisions: int) -> None:
    """Fill the stores: minutes for the full size."""
    migrate(running)
    everybody = running.folder / "agents.json"
    populate(running, count=agents, file=everybody)
    few = running.folder / "few.json"
    write_agents(few, read_agents(everybody)[:_FEW])
    # One real decision, for the others to be like it.
    subject = start_product(running, name="first", processes=1)
    try:
        run_client(subject, connections=1, length=Length(1, 5, _FEW), agents=few)
    finally:
        stop_subject(subject)
    describe(running, "--decisions", str(decisions))


def describe(running: Stores, *options: str) -> None:
    """Make a session, and write down what there is to ask for."""
    file = running.folder / "known.json"
    run_command(running, "-m", "tests.bench.pages_population", *options, "--file", str(file))


def measure_pages(
    running: Stores, subject: Subject, known: Known, *, rounds: int, patience: float, only: Sequence[str] = ()
) -> list[PageFigures]:
    """Each page `rounds` times, one request after the other, once it has been asked for twice."""
    figures = []
    for page in pages_of(known):
        if not only or any(name in page.name for name in only):
            wait_for_quiet(patience)
            figures.append(_measure(running, subject, known, page, rounds))
            sys.stderr.write(f"{line_of(figures[-1])}\n")
    return figures


def _measure(running: Stores, subject: Subject, known: Known, page: PageOf, rounds: int) -> PageFigures:
    headers = {"Cookie": f"{known.cookie}={known.value}", "Host": f"127.0.0.1:{subject.port}"}
    if page.fragment:
        headers |= {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": f"div#{page.fragment}"}
    connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=60)
    taken, size = [], 0
    try:
        for _ in range(2):
            _ask(connection, page, headers)
        started = time.monotonic()
        meter = CpuMeter(servers=[child.pid for child in subject.children], postmaster=running.postmaster)
        for _ in range(rounds):
            before = time.perf_counter()
            size = _ask(connection, page, headers)
            taken.append(time.perf_counter() - before)
        used, elapsed = meter.used(), time.monotonic() - started
    finally:
        connection.close()
    ordered = sorted(taken)
    return PageFigures(
        name=page.name,
        p50=percentile(ordered, 0.5),
        p95=percentile(ordered, 0.95),
        longest=1000 * ordered[-1],
        server_cpu=1000 * used["server"] / rounds,
        postgres_cpu=1000 * used["postgres"] / rounds,
        size=size,
        others=used["others"] / elapsed,
    )


def _ask(connection: http.client.HTTPConnection, page: PageOf, headers: dict[str, str]) -> int:
    connection.request("GET", page.path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise BenchProblem(f"{page.path} was answered with {response.status}: {body[:200]!r}")
    return len(body)


FILES: Mapping[str, str] = {
    "decisions, all": "verifications?range=90d",
    "decisions, denied": "verifications?range=90d&status=denied",
    "decisions, frequent word": f"verifications?range=90d&q={_FREQUENT}",
    "decisions, rare word": f"verifications?range=90d&q={_RARE}",
    "decisions, data class of many": f"verifications?range=90d&data={COMMON_CLASS}",
    "decisions, data class of few": f"verifications?range=90d&data={RARE_CLASS}",
    "agents, all": "agents?",
}
"""Lists taken along as files, by what their address is below the dashboard."""


class FileFigures(msgspec.Struct, frozen=True):
    """A list taken along as a file: seconds to the last byte, rows, MB; memory of the web process in MB."""

    name: str
    seconds: float
    rows: int
    megabytes: float
    server_cpu: float
    postgres_cpu: float
    before: float
    most: float


def measure_file(running: Stores, subject: Subject, known: Known, name: str) -> FileFigures:
    """A list as CSV, as somebody's browser fetches it: read to the end and thrown away."""
    address, _mark, query = FILES[name].partition("?")
    path = f"/dashboard/{address}"
    headers = {"Cookie": f"{known.cookie}={known.value}", "Host": f"127.0.0.1:{subject.port}"}
    connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=600)
    try:
        connection.request("GET", f"{path}?{query}", headers=headers)
        response = connection.getresponse()
        page, cookies = response.read().decode(), response.headers.get_all("Set-Cookie") or []
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        csrf = [cookie.partition(";")[0] for cookie in cookies if cookie.startswith("csrftoken=")]
        headers |= {
            "Cookie": "; ".join([headers["Cookie"], *csrf]),
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{subject.port}",
        }
        before = max(subject.resident_bytes())
        most, rows, size = before, -1, 0
        meter = CpuMeter(servers=[child.pid for child in subject.children], postmaster=running.postmaster)
        started = time.monotonic()
        connection.request("POST", f"{path}/export?{query}", urlencode({"csrfmiddlewaretoken": token}), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise BenchProblem(f"The file was answered with {response.status}: {response.read()[:200]!r}")
        looked = started
        while piece := response.read1(1 << 18):
            rows += piece.count(b"\n")
            size += len(piece)
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                most = max(most, *subject.resident_bytes())
        seconds, used = time.monotonic() - started, meter.used()
    finally:
        connection.close()
    return FileFigures(name, seconds, rows, size / 1e6, used["server"], used["postgres"], before / 1e6, most / 1e6)


HEAD = f"| page | p50 | p95 | longest | server CPU | PG CPU | kB | others |\n|{'---|' + '--:|' * 7}"


def line_of(figures: PageFigures) -> str:
    mark = "" if figures.met else " **over**"
    return (
        f"| {figures.name} | {figures.p50:.0f} | {figures.p95:.0f}{mark} | {figures.longest:.0f}"
        f" | {figures.server_cpu:.0f} | {figures.postgres_cpu:.0f} | {figures.size / 1000:.0f} | {figures.others:.1f} |"
    )


def run(arguments: argparse.Namespace) -> list[PageFigures]:
    keep: Path | None = arguments.keep
    with kept_stores(keep) if keep else stores(arguments.folder, any_disk=True) as running:
        # One set for all programs of the run: the session that is made beside the web process must hold there.
        os.environ.update(running.secrets)
        report.print_machine(machine.describe(running))
        known_file = running.folder / "known.json"
        if known_file.exists():
            migrate(running)
            describe(running)
        else:
            prepare(running, agents=arguments.agents, decisions=arguments.decisions)
        if arguments.fill_only:
            return []
        known = msgspec.json.decode(known_file.read_bytes(), type=Known)
        subject = start_product(running, name="pages", processes=1)
        try:
            if arguments.file:
                for name in FILES:
                    if not arguments.only or any(part in name for part in arguments.only):
                        sys.stdout.write(f"{measure_file(running, subject, known, name)}\n")
                return []
            return measure_pages(
                running, subject, known, rounds=arguments.rounds, patience=arguments.patience, only=arguments.only
            )
        finally:
            stop_subject(subject)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies")
    parser.add_argument("--keep", type=Path, help="a folder that is filled once, kept, and used again by the next run")
    parser.add_argument("--fill-only", action="store_true", help="only fill the folder of --keep")
    parser.add_argument("--file", action="store_true", help="measure no page, but lists taken along as files")
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20, help="how often each page is asked for")
    parser.add_argument("--patience", type=float, default=0, help="seconds to wait for a quiet machine, for each page")
    parser.add_argument("--only", action="append", default=[], help="pages whose name has this; again for more of them")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a page is over the target")
    arguments = parser.parse_args()
    try:
        figures = run(arguments)
    except BenchProblem as problem:
        sys.exit(str(problem))
    sys.stdout.write("\n".join([HEAD, *map(line_of, figures), ""]))
    if arguments.json:
        report.write_json(arguments.json, {"pages": figures})
    sys.exit(1 if arguments.enforce and not all(page.met for page in figures) else 0)


if __name__ == "__main__":
    main()
