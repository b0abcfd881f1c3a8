// An empty list that waits for its first row: as soon as there is one, the page is drawn anew, but never away from under
// an open dialog, which may show a secret for the only time, or one that is about to open, or an open menu or panel.

const EVERY = 3_000;

class AimFirst extends HTMLElement {
  connectedCallback() {
    this.timer = setInterval(() => this.look(), EVERY);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  get busy() {
    return document.hidden || document.querySelector("dialog[open], [popover]:popover-open:not(.toasts), [data-sending]") !== null;
  }

  async look() {
    const state = document.querySelector("aim-connection")?.dataset.state;
    if (this.busy || state === "lost" || state === "retrying") return;
    const answer = await fetch(this.dataset.address, { cache: "no-store", redirect: "manual" }).catch(() => undefined);
    if (answer?.status === 200 && !this.busy) location.reload();
  }
}

customElements.define("aim-first", AimFirst);
