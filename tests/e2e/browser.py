"""A browser that looks at pages as people do, and remembers everything that went wrong on them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page

# The shell without windows comes first: it draws the same, and opens a page in half the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HEIGHTS = {390: 844}
LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
# What is refused in this page: the event carries what the console's message leaves out.
_REPORT_VIOLATIONS = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
"""
# Once the page is drawn, htmx has begun with whatever is fetched at the load; what that brings may fetch in turn.
SETTLED = """async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  if (document.readyState !== "complete") {
    await new Promise((done) => addEventListener("load", done, { once: true }));
  }
  do { await drawn(); } while (document.querySelector(".htmx-request"));
}"""
# Only what is told: the whole of what axe found out takes longer to hand over than to find.
_FOUND = """async ([options, within]) => (await axe.run(within ? window[within] : document, options)).violations.map(
  (one) => `${one.id}: ${one.help}: ${JSON.stringify(one.nodes.slice(0, 3).map((node) => [
    node.html.slice(0, 200), ...[...node.any, ...node.all, ...node.none].map((check) => check.message),
  ]))}`
)"""
# The page scrolls in a box of its own, where what sticks out is cut off without the window becoming wider.
_WIDE = """() => [document.documentElement, ...document.querySelectorAll("main")]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => `${box.tagName} is ${box.scrollWidth} px wide where ${box.clientWidth} px can be seen`)"""
# Which tab a strip shows, where not all of them fit.
_HIDDEN_TAB = """() => [...document.querySelectorAll(".tabs > [aria-current]")]
  .map((tab) => [tab.textContent, tab.getBoundingClientRect(), tab.parentElement.getBoundingClientRect()])
  .filter(([, tab, strip]) => tab.left < strip.left - 1 || tab.right > strip.right + 1)
  .map(([text]) => `the tab ${text} is out of sight`)"""
_AXE = {"resultTypes": ["violations"], "elementRef": False, "selectors": False}
_NO_FAULT = (
    # A page that is to be looked at alone gets no service worker; Playwright says so.
    "blocked by Playwright",
    # A live list whose filters change again before its socket is open gives that one up for another.
    "WebSocket is closed before the connection is established",
)
_COLOUR_RULES = ["color-contrast", "link-in-text-block"]
_OF_COLOURS = {**_AXE, "runOnly": {"type": "rule", "values": _COLOUR_RULES}}
_OF_STRUCTURE = {**_AXE, "rules": {rule: {"enabled": False} for rule in _COLOUR_RULES}}
# Colours take axe most of its time, and it finds the same wherever the same stands on the same: a number for each text
# that can be seen, made of whatever it and all that lies behind it are drawn with, up to what shows nothing behind it.
_TEXTS = """() => {
  const number = (text) => {
    let low = 0xdeadbeef, high = 0x41c6ce57;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      low = Math.imul(low ^ code, 2654435761);
      high = Math.imul(high ^ code, 1597334677);
    }
    return (high >>> 11) * 4294967296 + (low >>> 0);
  };
  const drawn = new Map();
  const drawing = (box) => {
    if (!drawn.has(box)) {
      const style = getComputedStyle(box);
      const own = [
        box.localName, box.getAttribute("class"), box.getAttribute("aria-disabled"), box.disabled, style.color,
        style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.mixBlendMode, style.position,
        style.zIndex, style.fontSize, style.fontWeight, style.textDecorationLine, style.textShadow, style.borderBottom,
      ].join();
      const covers = style.backgroundImage === "none" && style.backgroundColor.startsWith("rgb(")
        && style.opacity === "1" && style.position === "static";
      drawn.set(box, covers || !box.parentElement ? own : `${own} on ${drawing(box.parentElement)}`);
    }
    return drawn.get(box);
  };
  window.texts = [...document.body.querySelectorAll("*")].filter((box) =>
    ("value" in box || [...box.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    && box.checkVisibility({ visibilityProperty: true }));
  return window.texts.map((box) => number(`${drawing(box)} in ${box.parentElement && drawing(box.parentElement)}`));
}"""
_clean: set[int] = set()


def find_chromium() -> str | None:
    """The browser named in `AIM_CHROMIUM`, or the first one that the system has."""
    named = os.environ.get("AIM_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Visit:
    """A page in a context of its own. Everything that it does not have itself is Playwright's page's."""

    def __init__(self, context: BrowserContext, address: str, *, scripts: bool = True) -> None:
        self.context = context
        self.scripts = scripts
        self.address = address
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(_REPORT_VIOLATIONS)
        self._under_way = self.page.locator(".htmx-request").first
        if scripts:
            # People too wait for an answer before they press what it may draw anew.
            self.page.add_locator_handler(self._under_way, lambda: None)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def open(self, path: str) -> "Visit":
        response = self.page.goto(f"{self.address}{path}")
        self.status = response.status if response else 0
        return self.settle()

    def settle(self) -> "Visit":
        """Everything that the page fetches by itself is there, what it fetches now and then left aside."""
        if not self.scripts:
            # Nothing is fetched later, and no promise would ever be kept.
            return self
        try:
            self.page.evaluate(SETTLED)
        except Error:
            # It has led to another page meanwhile.
            self.page.wait_for_load_state()
            self.page.evaluate(SETTLED)
        return self

    def be_hasty(self) -> None:
        """Act on the page from now on while an answer is under way, too."""
        self.page.remove_locator_handler(self._under_way)

    def check(self, *, colours_alone: bool = False) -> None:
        """Nothing was refused or went wrong, axe finds nothing, and nothing sticks out at the side.

        `colours_alone` leaves out of axe what the theme cannot change, where the page has been checked in the other.
        """
        self.check_quiet()
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        for judge in [self._colour_faults] if colours_alone else [self._structure_faults, self._colour_faults]:
            told = judge()
            if told:
                # axe takes its time, and a live page may have drawn a part of itself anew: a fault is what stays.
                self.page.wait_for_timeout(500)
                self.settle()
                told = judge()
            assert not told, "\n".join(told)
        hidden = [*self.page.evaluate(_WIDE), *(self.page.evaluate(_HIDDEN_TAB) if self.scripts else [])]
        assert not hidden, "\n".join(hidden)

    def _structure_faults(self) -> list[str]:
        told: list[str] = self.page.evaluate(_FOUND, [_OF_STRUCTURE, None])
        return told

    def _colour_faults(self) -> list[str]:
        """Of the texts that axe has not found clean yet, on this page or another, as they are drawn here."""
        texts = self.page.evaluate(_TEXTS)
        new = {number: at for at, number in enumerate(texts) if number not in _clean}
        if not new:
            return []
        self.page.evaluate("places => { window.judged = places.map((at) => window.texts[at]); }", list(new.values()))
        told: list[str] = self.page.evaluate(_FOUND, [_OF_COLOURS, "judged"])
        if not told:
            _clean.update(new)
        return told

    def looks(self, *, as_wide: bool = False) -> Iterator[tuple[str, int]]:
        """The open page in both themes and widths, one after the other, as which it is yielded; then as it was.

        With `as_wide` only in both themes: some things would close where the window changes.
        """
        before = self.page.viewport_size
        for theme, width in LOOKS:
            if as_wide and before and width != before["width"]:
                continue
            if not as_wide:
                self.page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
            self.page.emulate_media(color_scheme=cast("Any", theme))
            self.settle()
            yield theme, width
        self.page.emulate_media(color_scheme="null")
        if before and not as_wide:
            self.page.set_viewport_size(before)

    def check_looks(self, name: str = "", *, as_wide: bool = False) -> None:
        """`check` in all `looks` without opening the page anew, each with a picture of that name."""
        for theme, width in self.looks(as_wide=as_wide):
            try:
                self.check(colours_alone=theme == "dark")
            except AssertionError as fault:
                raise AssertionError(f"At {width} in {theme}: {fault}") from None
            if name:
                self.picture(f"{name}-{theme}-{width}")

    def check_themes(self, name: str = "") -> None:
        """`check_looks` as wide as the page is."""
        self.check_looks(name, as_wide=True)

    def check_quiet(self) -> None:
        problems = [*self.problems, *self.page.evaluate("window.violations || []")]
        assert not problems, "\n".join(problems)

    def picture(self, name: str) -> None:
        """Into the folder named in `AIM_PICTURES`, if there is one."""
        if folder := os.environ.get("AIM_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), animations="disabled")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(words in message.text for words in _NO_FAULT):
            self.problems.append(f"{message.type}: {message.text}")
