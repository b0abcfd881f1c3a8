"""`python -m tests.e2e.screenshots`: the pictures of docs/screenshots, of the product with its demonstration data.

Starts a PostgreSQL, a Valkey, a web process and a worker of its own, lets the demonstration's agents ask some hundred
times, and looks at ten main pages in light and dark with Chromium. Everything but the pictures is removed again.
"""

import argparse
import io
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from aim.runtime.children import start_child, stop_child
from aim.runtime.environment import new_secrets
from tests.bench.product import migrate, start_product
from tests.bench.servers import Stores, stop_subject, stores
from tests.e2e.browser import SETTLED, find_chromium
from tests.mcp.sdk.running import sdk_server

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = _ROOT / "docs" / "screenshots"
MOST_BYTES = 200_000
_WIDTH, _HEIGHT = 1440, 900
_COLOURS = (256, 128, 64)
_PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Picture:
    """A page: where it is, or which link on the page before leads there, and what must be there before it is taken."""

    name: str
    path: str
    click: str = ""
    until: str = "main h1"


PICTURES = (
    Picture("overview", "/dashboard", until=".overview"),
    Picture("verifications", "/dashboard/verifications", until=".list-main tbody tr"),
    Picture("verification", "/dashboard/verifications?status=denied", click=".list-main .row-link", until="aim-drawer"),
    Picture("approvals", "/dashboard/approvals"),
    Picture("agents", "/dashboard/agents?view=all", until=".list-main tbody tr"),
    Picture("agent", "/dashboard/agents?status=verified", click=".list-main .row-link", until=".tabs"),
    Picture("register", "/dashboard/agents?view=all", click=".page-head .button-primary", until="aim-dialog .dialog"),
    Picture("policies", "/dashboard/policies", until=".list-main tbody tr"),
    Picture("servers", "/dashboard/mcp", until=".list-main tbody tr"),
    Picture("members", "/dashboard/settings/members"),
)


_SERVERS = (
    ("filesystem", "Filesystem MCP Server", "1.4.0", True),
    ("shop-warehouse", "Warehouse MCP Server", "2.1.3", True),
    ("invoice-archive", "Invoice Archive MCP Server", "0.9.1", False),
)
"""Names, version, and whether the server signs with the key that it is registered with."""


@contextmanager
def demonstration(folder: Path, *, calls: int) -> Iterator[tuple[str, str, str]]:
    """The product with data in it; yields its address and the sign-in of its admin."""
    with stores(folder, any_disk=True) as running, ExitStack() as servers:
        _say("migrating")
        migrate(running)
        subject = start_product(running, name="screenshots", processes=1)
        origin = f"http://127.0.0.1:{subject.port}"
        worker = _start_worker(running, origin)
        try:
            made = _demo(running, origin, "--prepare")
            _register_servers(servers, origin, made["token"])
            _say("the demonstration's agents ask")
            _demo(running, origin, "--once", str(calls))
            # What follows the ledger needs a moment to catch up.
            time.sleep(5)
            yield origin, made["email"], made["password"]
        finally:
            stop_child(worker, ask=signal.SIGTERM, seconds=15)
            stop_subject(subject)


def take(browser: Browser, origin: str, email: str, password: str, *, folder: Path, only: str) -> list[Path]:
    """Every picture in both themes."""
    taken = []
    folder.mkdir(parents=True, exist_ok=True)
    state = None
    for theme in ("light", "dark"):
        context = browser.new_context(
            viewport={"width": _WIDTH, "height": _HEIGHT},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            service_workers="block",
            storage_state=state,
        )
        context.set_default_timeout(_PATIENCE_MS)
        page = context.new_page()
        if state is None:
            _sign_in(page, origin, email, password)
            state = context.storage_state()
        for picture in PICTURES:
            if only in picture.name:
                taken.append(_take(page, origin, picture, folder / f"{picture.name}-{theme}.png"))
                _say(f"{taken[-1].name}: {taken[-1].stat().st_size // 1000} kB")
        context.close()
    return taken


def _take(page: Page, origin: str, picture: Picture, path: Path) -> Path:
    page.goto(f"{origin}{picture.path}")
    if picture.click:
        page.locator(picture.click).first.click()
    page.locator(picture.until).first.wait_for()
    page.evaluate(SETTLED)
    page.mouse.move(_WIDTH - 1, _HEIGHT - 1)
    page.evaluate("document.querySelectorAll('aim-toast').forEach((toast) => toast.remove())")
    path.write_bytes(_small(page.screenshot(animations="disabled")))
    return path


def _small(png: bytes) -> bytes:
    """As it is where that is small enough, else with as few colours as it takes, the rare ones kept."""
    drawn = Image.open(io.BytesIO(png)).convert("RGB")
    written = io.BytesIO()
    drawn.save(written, "PNG", optimize=True)
    for colours in _COLOURS:
        if written.tell() <= MOST_BYTES:
            break
        written = io.BytesIO()
        few = drawn.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(written, "PNG", optimize=True)
    return written.getvalue()


def _sign_in(page: Page, origin: str, email: str, password: str) -> None:
    chosen = secrets.token_urlsafe(18)
    page.goto(f"{origin}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/account/password"))
    fields = page.locator("input[type=password]")
    values = [password, chosen, chosen] if fields.count() > 2 else [password, chosen]
    for place, value in enumerate(values):
        fields.nth(place).fill(value)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url(re.compile("/dashboard"))
    # Whoever comes for the first time is offered the tour.
    page.get_by_role("button", name="Skip tour").click()
    page.get_by_role("dialog").wait_for(state="hidden")


def _demo(running: Stores, origin: str, *arguments: str) -> dict[str, str]:
    environment = {**running.environment(), "AIM_ORIGIN": origin, "AIM_DATA": str(running.folder / "data")}
    (running.folder / "data").mkdir(exist_ok=True)
    finished = subprocess.run(
        [sys.executable, "manage.py", "demo", "--seed", "7", "--json", *arguments],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    )
    told: dict[str, str] = json.loads(finished.stdout.splitlines()[0]).get("sign_in") or {}
    return told


def _start_worker(running: Stores, origin: str) -> "subprocess.Popen[bytes]":
    celery = [sys.executable, "-m", "celery", "-A", "aim", "worker", "--pool", "threads", "-c", "1"]
    environment = {**running.environment(), "AIM_ORIGIN": origin, "PYTHONPATH": str(_ROOT)}
    return start_child(
        [*celery, "--without-gossip", "--without-mingle"], log=running.folder / "worker.log", environment=environment
    )


def _register_servers(started: ExitStack, origin: str, token: str) -> None:
    """Three servers of the official SDK that really run, by the API; the worker proves them. One has another key."""
    authority = trustme.CA()
    for name, display_name, version, proves in _SERVERS:
        key = Ed25519PrivateKey.generate()
        own = None if proves else Ed25519PrivateKey.generate()
        running = started.enter_context(sdk_server(authority=authority, key=key, verification_key=own, audience=origin))
        configuration = {
            **running.fields(name=name, display_name=display_name, version=version),
            "public_key": _pem_of(key),
        }
        request = urllib.request.Request(
            f"{origin}/api/v1/mcp-servers",
            data=json.dumps(configuration).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


def _pem_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--calls", type=int, default=400, help="how often the demonstration's agents ask")
    parser.add_argument("--only", default="", help="pictures whose name has this")
    arguments = parser.parse_args()
    # One set for all programs of the run.
    os.environ.update({**new_secrets(), "AIM_OUTBOUND_ALLOW": "127.0.0.0/8,::1/128", **os.environ})
    chromium = find_chromium()
    if chromium is None:
        sys.exit("There is no Chromium. Install it (apt install chromium-headless-shell), or name it in AIM_CHROMIUM.")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        demonstration(Path(tempfile.gettempdir()), calls=arguments.calls) as (origin, email, password),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        taken = take(browser, origin, email, password, folder=arguments.folder, only=arguments.only)
        browser.close()
    large = [path.name for path in taken if path.stat().st_size > MOST_BYTES]
    if large:
        sys.exit(f"Larger than {MOST_BYTES // 1000} kB: {', '.join(large)}")


if __name__ == "__main__":
    main()
