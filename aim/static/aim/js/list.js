// Lists: the selection survives every search, j and k move, and what was typed is never overwritten by an answer.

const LIST = "[data-list]";
const TYPED = "input:is([type=search], [type=date])";

class AimSelection extends HTMLElement {
  connectedCallback() {
    this.store = `selection:${this.dataset.name}`;
    this.chosen = new Set(JSON.parse(sessionStorage.getItem(this.store) || "[]"));
    this.bar = this.querySelector("[data-bulk]");
    this.form = this.querySelector("form[data-bulk-form]");
    this.addEventListener("change", (event) => this.changed(event));
    // Captured, so that the form of the filters around the rows does not take a chosen row for a filter.
    this.addEventListener("input", (event) => {
      if (event.target.closest(".select")) event.stopPropagation();
    }, true);
    this.addEventListener("click", (event) => {
      if (event.target.closest("[data-bulk-clear]")) this.clear();
    });
    this.form?.addEventListener("htmx:config:request", (event) => this.include(event.detail.ctx.request.body));
    this.form?.addEventListener("formdata", (event) => this.include(event.formData));
    this.addEventListener("htmx:after:swap", () => this.show());
    this.show();
  }

  get boxes() {
    return [...this.querySelectorAll("input[data-row]")];
  }

  include(data) {
    const name = this.dataset.field;
    data.delete(name);
    for (const id of this.chosen) data.append(name, id);
  }

  changed(event) {
    const box = event.target;
    if (box.matches("[data-all]")) {
      for (const row of this.boxes) this.set(row.value, box.checked);
    } else if (box.matches("[data-row]")) {
      this.set(box.value, box.checked);
    } else {
      return;
    }
    event.stopPropagation();
    this.show();
  }

  set(id, on) {
    if (on) this.chosen.add(id);
    else this.chosen.delete(id);
    sessionStorage.setItem(this.store, JSON.stringify([...this.chosen]));
  }

  clear() {
    this.chosen.clear();
    sessionStorage.removeItem(this.store);
    this.show();
  }

  show() {
    const boxes = this.boxes;
    for (const box of boxes) {
      box.checked = this.chosen.has(box.value);
      const row = box.closest("tr");
      if (box.checked) row.setAttribute("aria-selected", "true");
      else row.removeAttribute("aria-selected");
    }
    const all = this.querySelector("input[data-all]");
    const here = boxes.filter((box) => box.checked).length;
    if (all) {
      all.checked = boxes.length > 0 && here === boxes.length;
      all.indeterminate = here > 0 && here < boxes.length;
    }
    if (this.bar) {
      this.bar.hidden = this.chosen.size === 0;
      this.bar.querySelector("[data-bulk-count]").textContent = String(this.chosen.size);
    }
  }
}

customElements.define("aim-selection", AimSelection);

// After a change in bulk the selection has done its work.
document.addEventListener("htmx:after:request", (event) => {
  if (!event.target.closest?.("[data-clears-selection]") || !event.detail.ctx.hx?.redirect) return;
  for (const selection of document.querySelectorAll("aim-selection")) selection.clear();
});

// Nothing that is empty stands in an address; the drawer that is open stays open.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.request.method !== "GET" || !event.target.closest(LIST)) return;
  const body = ctx.request.body;
  for (const [key, value] of [...body.entries()]) if (value === "") body.delete(key);
  const open = new URLSearchParams(location.search).get("d");
  if (open && event.target.matches("form") && document.querySelector("aim-drawer")) body.set("d", open);
});

// A box that is being typed into is left alone by the answer to what was typed before.
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.(TYPED)) event.target.setAttribute("hx-morph-skip", "");
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches?.(TYPED)) event.target.removeAttribute("hx-morph-skip");
});

// What the server says is chosen is what the boxes of the filters show.
document.addEventListener("htmx:after:swap", () => {
  for (const box of document.querySelectorAll(`${LIST} :is(.menu, .facets) input[type=checkbox]`)) {
    box.checked = box.hasAttribute("checked");
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(`${LIST} :is([rel=next], [rel=prev], .sort)`);
  if (!link) return;
  document.addEventListener("htmx:after:swap", () => link.closest(LIST)?.querySelector(".table-scroll")?.scrollTo(0, 0), { once: true });
});

// j, k, x, o: a cursor over the rows.
document.addEventListener("aim:key", (event) => {
  const { keys } = event.detail;
  const rows = [...document.querySelectorAll(`${LIST} tbody tr`)].filter((row) => row.checkVisibility());
  if (!rows.length || !["j", "k", "x", "o", "enter"].includes(keys)) return;
  const at = rows.findIndex((row) => row.hasAttribute("data-cursor") || row.hasAttribute("data-current"));
  if (keys === "j" || keys === "k") {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + (keys === "j" ? 1 : -1)))];
    for (const row of rows) row.removeAttribute("data-cursor");
    next.setAttribute("data-cursor", "");
    next.scrollIntoView({ block: "nearest" });
    next.querySelector(".row-link")?.focus({ preventScroll: true });
    if (document.querySelector("aim-drawer")) next.querySelector(".row-link")?.click();
  } else if (at >= 0 && keys === "x") {
    rows[at].querySelector("input[data-row]")?.click();
  } else if (at >= 0) {
    rows[at].querySelector(".row-link")?.click();
  } else {
    return;
  }
  event.preventDefault();
});
