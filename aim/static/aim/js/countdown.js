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
