// One toast at a time. It goes by itself, except under the pointer or the focus, and never when it tells of a failure.

const SECONDS = 8;

class AimToast extends HTMLElement {
  connectedCallback() {
    if (this.closest("[data-example]")) return;
    this.querySelector("[data-dismiss]")?.addEventListener("click", () => this.remove());
    if (!this.classList.contains("tone-denied")) this.wait();
    this.addEventListener("mouseenter", () => clearTimeout(this.timer));
    this.addEventListener("mouseleave", () => this.wait());
    this.addEventListener("focusin", () => clearTimeout(this.timer));
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  wait() {
    clearTimeout(this.timer);
    if (!this.classList.contains("tone-denied")) this.timer = setTimeout(() => this.remove(), SECONDS * 1000);
  }
}

customElements.define("aim-toast", AimToast);
