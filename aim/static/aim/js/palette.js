// The command palette: what is typed is asked of the server; arrows choose, Enter goes.

class AimPalette extends HTMLElement {
  connectedCallback() {
    this.dialog = this.closest("dialog");
    this.field = this.querySelector("input[name=q]");
    this.results = this.querySelector(".palette-results");
    this.field.setAttribute("role", "combobox");
    this.field.setAttribute("aria-expanded", "true");
    this.field.setAttribute("aria-controls", this.results.id);
    this.results.setAttribute("role", "listbox");
    new MutationObserver(() => this.choose(0)).observe(this.results, { childList: true });
    new MutationObserver(() => this.dialog.open && this.opened()).observe(this.dialog, { attributeFilter: ["open"] });
    this.addEventListener("keydown", (event) => this.obey(event));
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  opened() {
    this.field.select();
    this.field.focus();
    this.querySelector("form").dispatchEvent(new Event("open"));
  }

  get hits() {
    return [...this.results.querySelectorAll("a.menu-item")];
  }

  choose(index) {
    this.hits.forEach((hit, at) => {
      hit.id = `palette-hit-${at}`;
      hit.setAttribute("role", "option");
      hit.setAttribute("aria-selected", String(at === index));
      hit.tabIndex = -1;
    });
    const hit = this.hits[index];
    if (hit) {
      this.field.setAttribute("aria-activedescendant", hit.id);
      hit.scrollIntoView({ block: "nearest" });
    } else {
      this.field.removeAttribute("aria-activedescendant");
    }
  }

  obey(event) {
    const hits = this.hits;
    const at = hits.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (hits.length) this.choose((at + step + hits.length) % hits.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      hits[Math.max(0, at)]?.click();
    }
  }
}

customElements.define("aim-palette", AimPalette);
