// What happens, as it happens: a list that is marked live is drawn anew when there is something new, but never under the
// pointer. While it is hovered, scrolled, or holds a selection, it waits, and says how much there is.
// It is told only of what it shows: of the filters in its address, or of those that it was given. It begins at the place
// in the ledger at which the page was drawn, so that nothing falls between the page and the socket.

const CALM = 1_000;
const WAITS = [1_000, 3_000, 9_000, 20_000];
const FILTERS = { status: "status", agent: "agent", action: "action_type", code: "code", user: "user", session: "session", q: "q" };

class AimLive extends HTMLElement {
  connectedCallback() {
    this.fresh = 0;
    this.skipped = 0;
    this.failures = 0;
    this.list = document.getElementById(this.dataset.list);
    this.pill = this.querySelector("button");
    this.pill.addEventListener("click", () => this.apply(true));
    this.key = (event) => {
      if (event.detail.keys === "." && this.fresh + this.skipped) this.apply(true);
    };
    document.addEventListener("aim:key", this.key);
    // Whatever the list is asked anew for, it will show what had happened by then.
    this.asked = (event) => {
      if (this.list.contains(event.target)) this.shown = this.cursor;
    };
    document.addEventListener("htmx:before:request", this.asked);
    if (this.dataset.after) this.cursor = Number(this.dataset.after);
    this.timer = setInterval(() => {
      if (this.socket && this.watch !== this.watched) this.reopen();
      this.apply(false);
    }, CALM);
    this.open();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    clearTimeout(this.again);
    document.removeEventListener("aim:key", this.key);
    document.removeEventListener("htmx:before:request", this.asked);
    this.gone = true;
    this.socket?.close();
  }

  // The filters as the socket takes them.
  get watch() {
    if (this.dataset.watch !== undefined) return this.dataset.watch;
    const watch = new URLSearchParams();
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name in FILTERS && value.trim()) watch.append(FILTERS[name], value.trim());
    }
    return watch.toString();
  }

  // The list was drawn for other filters meanwhile: what came since it was asked for is told again, as these want it.
  reopen() {
    this.fresh = this.skipped = 0;
    this.cursor = this.shown ?? this.cursor;
    const old = this.socket;
    this.open();
    old.close();
  }

  open() {
    clearTimeout(this.again);
    this.watched = this.watch;
    const address = new URL(`/ws/activity?${this.watched}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("rate", "50");
    if (this.cursor !== undefined) address.searchParams.set("after", this.cursor);
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      if (socket === this.socket) this.hear(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      this.tell(false);
      if (this.gone || event.code === 4401 || event.code === 4403) return;
      this.again = setTimeout(() => this.open(), WAITS[Math.min(this.failures, WAITS.length - 1)]);
      this.failures += 1;
    });
  }

  tell(open) {
    const connection = document.querySelector("aim-connection");
    if (connection) connection.channel = open;
  }

  hear(message) {
    if (message.type === "ready") {
      this.failures = 0;
      this.tell(true);
    }
    this.cursor = message.cursor;
    this.fresh += (message.events ?? []).length;
    this.skipped += message.skipped ?? 0;
    this.show();
  }

  get busy() {
    return this.list.matches(":hover") || this.list.querySelector(".table-scroll")?.scrollTop > 0 || this.list.contains(document.activeElement) || new URLSearchParams(location.search).has("after") || document.hidden;
  }

  apply(asked) {
    if (!this.fresh && !this.skipped) return;
    if (!asked && (this.busy || this.loading)) {
      this.show();
      return;
    }
    this.fresh = this.skipped = 0;
    this.show();
    this.loading = true;
    const done = () => {
      this.loading = false;
    };
    window.htmx.ajax("GET", location.href, { target: this.list, swap: "outerMorph", push: "false", quiet: !asked }).then(done, done);
  }

  show() {
    const { words, wordsSkipped } = this.pill.dataset;
    const waits = this.busy && this.fresh + this.skipped > 0;
    this.pill.hidden = !waits;
    if (!waits) return;
    const parts = [words.replace("%n", this.fresh)];
    if (this.skipped) parts.push(wordsSkipped.replace("%n", this.skipped));
    this.pill.querySelector("[data-text]").textContent = parts.join(" · ");
  }
}

customElements.define("aim-live", AimLive);
