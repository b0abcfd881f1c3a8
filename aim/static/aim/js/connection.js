// Whether AIM can be reached: asked now and then, and at once when the browser or a request doubts it.
// Three attempts, further apart each time, before it says that the connection is gone.

const CALM = 20_000;
const WAITS = [1_000, 3_000, 9_000];

class AimConnection extends HTMLElement {
  connectedCallback() {
    this.failures = 0;
    this.dot = this.querySelector(".dot");
    this.words = this.querySelector(".word");
    this.ask = this.ask.bind(this);
    for (const name of ["online", "offline"]) addEventListener(name, this.ask);
    document.addEventListener("htmx:error", this.ask);
    this.timer = setTimeout(this.ask, CALM);
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    for (const name of ["online", "offline"]) removeEventListener(name, this.ask);
    document.removeEventListener("htmx:error", this.ask);
  }

  async ask() {
    clearTimeout(this.timer);
    if (document.hidden && this.failures === 0) {
      this.timer = setTimeout(this.ask, CALM);
      return;
    }
    try {
      const answer = await fetch(this.dataset.address, { cache: "no-store", signal: AbortSignal.timeout(5_000) });
      if (!answer.ok) throw new Error(String(answer.status));
      this.failures = 0;
      this.show(this.live ? "live" : "connected", "dot-allowed");
      this.timer = setTimeout(this.ask, CALM);
    } catch {
      const wait = WAITS[this.failures];
      this.failures += 1;
      if (wait === undefined) this.show("lost", "dot-offline");
      else this.show("retrying", "dot-pending");
      this.timer = setTimeout(this.ask, wait ?? CALM);
    }
  }

  // A module that holds a channel open says so by `live`, and asks when it breaks.
  set channel(open) {
    this.live = open;
    if (open) this.show("live", "dot-allowed");
    else this.ask();
  }

  show(state, dot) {
    if (this.dataset.state === state) return;
    this.dataset.state = state;
    this.dot.className = `dot ${dot}`;
    this.words.textContent = this.words.dataset[`words${state[0].toUpperCase()}${state.slice(1)}`];
    this.dispatchEvent(new CustomEvent("aim:connection", { bubbles: true, detail: { state } }));
  }
}

customElements.define("aim-connection", AimConnection);
