// The time that is left, told by the browser's clock once a second; the server's word is what counts.

class AimCountdown extends HTMLElement {
  connectedCallback() {
    this.tick();
    this.timer = setInterval(() => this.tick(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  tick() {
    const until = Date.parse(this.dataset.until);
    const left = Math.max(0, Math.floor((until - Date.now()) / 1000));
    const bar = this.querySelector("progress");
    if (bar) {
      const whole = (until - Date.parse(this.dataset.since)) / 1000;
      bar.value = whole > 0 ? (100 * left) / whole : 0;
      return;
    }
    const parts = [Math.floor((left % 3600) / 60), left % 60].map((part) => String(part).padStart(2, "0"));
    this.textContent = left >= 3600 ? [Math.floor(left / 3600), ...parts].join(":") : parts.join(":");
  }
}

customElements.define("aim-countdown", AimCountdown);

// j and k go through the requests.
document.addEventListener("aim:key", (event) => {
  const { keys } = event.detail;
  const rows = [...document.querySelectorAll("[data-request]")];
  if (!rows.length || (keys !== "j" && keys !== "k")) return;
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  rows[Math.max(0, Math.min(rows.length - 1, at + (keys === "j" ? 1 : -1)))].click();
  event.preventDefault();
});

// A denial needs a note: where there is none yet, its button and its key lead there, and Enter in the note denies.
document.addEventListener(
  "submit",
  (event) => {
    const note = event.target.querySelector("[data-denies]");
    if (!note || event.submitter?.value !== "deny" || note.value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    note.setCustomValidity(note.dataset.denies);
    note.reportValidity();
    note.setCustomValidity("");
    note.focus();
  },
  true,
);

// While the inbox is open and nothing is typed, it looks for new requests.
setInterval(async () => {
  const inbox = document.querySelector("[data-inbox]");
  const note = document.getElementById("note");
  if (!inbox || document.hidden || note?.value) return;
  window.htmx?.ajax("GET", location.href, { target: inbox, swap: "outerMorph", push: "false" });
}, 5000);
