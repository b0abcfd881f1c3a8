// Dialogs: one that the server sends opens by itself, one that is in the page opens by its button.

class AimDialog extends HTMLElement {
  connectedCallback() {
    const dialog = this.querySelector("dialog");
    if (!dialog || this.classList.contains("in-page")) return;
    if (!dialog.open) dialog.showModal();
    dialog.addEventListener("click", (event) => {
      if (event.target.closest("[data-close]")) dialog.close();
    });
    dialog.addEventListener("close", () => this.remove());
    const first = dialog.querySelector("[autofocus], .field[aria-invalid]");
    if (first) first.focus();
  }
}

customElements.define("aim-dialog", AimDialog);

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-dialog]");
  if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const dialog = document.getElementById(opener.dataset.openDialog);
  if (!dialog) return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
});

// A click beside a dialog closes it, unless something has been typed in it.
document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement && event.target.matches(":modal") && !holdsInput(event.target)) {
    event.target.close();
  }
});

function holdsInput(dialog) {
  if (dialog.id === "palette") return false;
  return [...dialog.querySelectorAll("textarea, input:not([type=search], [type=hidden])")].some((field) => field.value !== field.defaultValue);
}

// The answer to a form in a dialog may say that it is done.
document.addEventListener("aim:close-dialog", () => {
  for (const dialog of document.querySelectorAll("aim-dialog > dialog[open]")) dialog.close();
});
