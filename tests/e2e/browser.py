"""A browser that looks at pages as people do, and remembers everything that went wrong on them."""

import os
import shutil
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
HEIGHTS = {390: 844}
# What is refused in this page: the event carries what the console's message leaves out.
_REPORT_VIOLATIONS = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
"""


def find_chromium() -> str | None:
    """The browser named in `AIM_CHROMIUM`, or the first one that the system has."""
    named = os.environ.get("AIM_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Visit:
    """A page in a context of its own. Everything that it does not have itself is Playwright's page's."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(_REPORT_VIOLATIONS)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def open(self, path: str) -> "Visit":
        response = self.page.goto(f"{self.address}{path}")
        self.status = response.status if response else 0
        self.page.wait_for_load_state("networkidle")
        return self

    def check(self) -> None:
        """Nothing was refused or went wrong, axe finds nothing, and nothing sticks out at the side."""
        self.check_quiet()
        found = Axe().run(self.page).response["violations"]
        told = [f"{v['id']}: {v['help']}: {[node['html'][:200] for node in v['nodes'][:3]]}" for v in found]
        assert not told, "\n".join(told)
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, f"The page is {wide} px wide in a window of {window} px"

    def check_quiet(self) -> None:
        problems = [*self.problems, *self.page.evaluate("window.violations || []")]
        assert not problems, "\n".join(problems)

    def picture(self, name: str) -> None:
        """Into the folder named in `AIM_PICTURES`, if there is one."""
        if folder := os.environ.get("AIM_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), animations="disabled")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")
