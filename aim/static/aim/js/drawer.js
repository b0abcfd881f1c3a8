// The drawer beside a list: Esc closes it, and the row it shows stays marked.

class AimDrawer extends HTMLElement {
  connectedCallback() {
    this.mark();
    this.addEventListener("click", (event) => {
      if (!event.target.closest("[data-drawer-close]")) return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }, true);
  }

  disconnectedCallback() {
    for (const row of document.querySelectorAll("tr[data-current]")) row.removeAttribute("data-current");
  }

  mark() {
    for (const row of document.querySelectorAll("tr[data-current]")) row.removeAttribute("data-current");
    const id = new URLSearchParams(location.search).get("d");
    if (id) document.getElementById(id)?.setAttribute("data-current", "");
  }

  close() {
    const address = new URL(location.href);
    address.searchParams.delete("d");
    history.pushState({ htmx: true }, "", address);
    this.remove();
  }
}

customElements.define("aim-drawer", AimDrawer);

// A list that is drawn anew beside it does not know which of its rows is looked at.
document.addEventListener("htmx:after:swap", () => document.querySelector("aim-drawer")?.mark());
document.addEventListener("htmx:after:history:update", () => document.querySelector("aim-drawer")?.mark());

document.addEventListener("aim:key", (event) => {
  const drawer = document.querySelector("aim-drawer");
  if (event.detail.keys !== "esc" || !drawer) return;
  drawer.close();
  event.preventDefault();
});
