// The port beside a URL shows the one that the URL means, until somebody enters another; the server folds it into the URL.

const DEFAULTS = { "https:": "443", "http:": "80" };

class AimPort extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", (event) => {
      const port = this.querySelector("[data-port]");
      if (!event.target.matches("[data-url]") || !port) return;
      let url;
      try {
        url = new URL(event.target.value);
      } catch {
        return;
      }
      port.value = url.port || DEFAULTS[url.protocol] || "";
    });
  }
}

customElements.define("aim-port", AimPort);
