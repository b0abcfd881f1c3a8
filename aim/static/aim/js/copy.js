// Copies the text beside the button, and says so for a moment.

class AimCopy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("[data-copy-button]");
    button?.addEventListener("click", async () => {
      const source = this.querySelector("[data-copy]");
      await navigator.clipboard.writeText(source.dataset.copy || source.textContent);
      this.dataset.state = "copied";
      const before = button.getAttribute("aria-label");
      button.setAttribute("aria-label", button.dataset.wordsDone);
      button.title = button.dataset.wordsDone;
      setTimeout(() => {
        delete this.dataset.state;
        button.setAttribute("aria-label", before);
        button.title = before;
      }, 2000);
    });
  }
}

customElements.define("aim-copy", AimCopy);
