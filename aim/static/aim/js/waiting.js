// What waits for this person, in the top bar and the navigation: asked for again when they are told of something, when
// they have sent a form, and now and then, so that a badge is never that of the moment the page was opened.

const EVERY = 20_000;

class AimWaiting extends HTMLElement {
  connectedCallback() {
    this.told = () => this.ask();
    this.sent = (event) => {
      if (event.detail.ctx?.request?.method && event.detail.ctx.request.method !== "GET") this.ask();
    };
    document.addEventListener("aim:notified", this.told);
    document.addEventListener("htmx:after:request", this.sent);
    this.timer = setInterval(() => document.hidden || this.ask(), EVERY);
  }

  disconnectedCallback() {
    document.removeEventListener("aim:notified", this.told);
    document.removeEventListener("htmx:after:request", this.sent);
    clearInterval(this.timer);
  }

  async ask() {
    const answer = await fetch(this.dataset.address, { cache: "no-store" }).catch(() => undefined);
    if (!answer?.ok) return;
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
    const items = drawn.querySelector("aim-waiting");
    if (!items) return;
    if (items.innerHTML !== this.innerHTML) this.replaceChildren(...items.childNodes);
    for (const entry of drawn.querySelectorAll(".nav-item[href]")) {
      const shown = document.querySelector(`.nav-item[href="${CSS.escape(entry.getAttribute("href"))}"]`);
      const pill = entry.querySelector(".pill");
      const old = shown?.querySelector(".pill");
      if (!shown || pill?.outerHTML === old?.outerHTML) continue;
      old?.remove();
      if (pill) shown.append(pill);
    }
  }
}

customElements.define("aim-waiting", AimWaiting);
