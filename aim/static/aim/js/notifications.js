// The bell: how much there is to read, as it changes, and the newest of it in a panel. A line that is followed is read.
import { token } from "./offline.js";

const WAITS = [1_000, 3_000, 9_000, 20_000];

class AimBell extends HTMLElement {
  connectedCallback() {
    this.failures = 0;
    this.link = this.querySelector(".bell");
    this.count = this.querySelector("[data-count]");
    this.said = this.querySelector("[data-said]");
    this.panel = this.querySelector("[popover]");
    this.link.addEventListener("click", (event) => this.press(event));
    this.panel.addEventListener("toggle", (event) => this.toggled(event));
    this.panel.addEventListener("keydown", (event) => this.move(event));
    this.connection = (event) => {
      if (["connected", "live"].includes(event.detail.state) && !this.socket) this.open();
    };
    document.addEventListener("aim:connection", this.connection);
    this.open();
  }

  disconnectedCallback() {
    this.gone = true;
    clearTimeout(this.again);
    document.removeEventListener("aim:connection", this.connection);
    this.socket?.close();
  }

  open() {
    clearTimeout(this.again);
    const address = new URL("/ws/notifications", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address);
    this.socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => {
      this.socket = undefined;
      if (this.gone || event.code === 4401 || event.code === 4403) return;
      const away = ["lost", "retrying"].includes(document.querySelector("aim-connection")?.dataset.state);
      if (!away) this.again = setTimeout(() => this.open(), WAITS[Math.min(this.failures, WAITS.length - 1)]);
      this.failures += 1;
    });
  }

  hear({ count, newest }) {
    this.failures = 0;
    const risen = this.unread !== undefined && newest && newest !== this.newest && count >= this.unread;
    const changed = this.unread !== undefined && (count !== this.unread || newest !== this.newest);
    this.unread = count;
    this.newest = newest;
    this.count.hidden = count === 0;
    this.count.textContent = count >= Number(this.dataset.most) ? "99+" : String(count);
    const words = count ? this.dataset.one.replace("%n", count) : this.dataset.none;
    this.link.setAttribute("aria-label", words);
    if (risen) this.said.textContent = words;
    if (changed && this.panel.matches(":popover-open") && !this.panel.contains(document.activeElement)) this.load();
    if (changed) this.refresh();
    if (changed) document.dispatchEvent(new CustomEvent("aim:notified"));
  }

  // The page of all of them is drawn anew, unless somebody is at work in it.
  refresh() {
    const list = document.querySelector("[data-notices]");
    const unread = list?.querySelector(".tab .count");
    if (unread) unread.textContent = this.count.textContent;
    if (!list || list.contains(document.activeElement) || new URLSearchParams(location.search).has("after")) return;
    window.htmx?.ajax("GET", location.href, { target: list, swap: "outerMorph", push: "false", quiet: true });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.panel.togglePopover({ source: this.link });
  }

  toggled(event) {
    const open = event.newState === "open";
    this.link.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const at = this.link.getBoundingClientRect();
    this.panel.style.top = `${at.bottom}px`;
    this.panel.style.right = innerWidth < 640 ? "8px" : `${Math.max(8, innerWidth - at.right)}px`;
    this.load().then(() => this.panel.querySelector("a, button")?.focus());
  }

  load() {
    return window.htmx.ajax("GET", this.link.href, { target: this.panel, swap: "innerHTML", push: "false" });
  }

  move(event) {
    if (!["ArrowDown", "ArrowUp", "j", "k"].includes(event.key)) return;
    const lines = [...this.panel.querySelectorAll(".notice-text")];
    if (!lines.length) return;
    event.preventDefault();
    event.stopPropagation();
    const step = event.key === "ArrowDown" || event.key === "j" ? 1 : -1;
    const at = lines.indexOf(document.activeElement);
    lines[at < 0 ? 0 : (at + step + lines.length) % lines.length].focus();
  }
}

customElements.define("aim-bell", AimBell);

function post(address, fields = {}) {
  return fetch(address, {
    method: "POST",
    body: new URLSearchParams({ ...fields, quiet: "" }),
    headers: { "X-CSRFToken": token() },
    keepalive: true,
  });
}

function asRead(line) {
  line.classList.remove("notice-unread");
  line.querySelector("form")?.remove();
  line.querySelector(".notice-text > .unseen")?.remove();
}

document.addEventListener("click", (event) => {
  const line = event.target.closest(".notice-unread");
  if (!line || !event.target.closest(".notice-text")) return;
  const form = line.querySelector("form[data-read]");
  if (form) post(form.action);
  asRead(line);
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-read], form[data-read-all]");
  if (!form) return;
  event.preventDefault();
  const answer = await post(form.action, Object.fromEntries(new FormData(form))).catch(() => undefined);
  // One that has counted up meanwhile is not read: what is new in it stays.
  if (!answer?.ok && answer?.status !== 404) return;
  if (form.matches("[data-read]")) {
    const line = form.closest(".notice");
    line.querySelector(".notice-text").focus();
    asRead(line);
  } else {
    const panel = form.closest("[popover]");
    for (const line of panel.querySelectorAll(".notice-unread")) asRead(line);
    form.remove();
    panel.querySelector("a")?.focus();
  }
});
