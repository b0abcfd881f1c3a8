// The session has ended while somebody wanted to do something: what they wanted stays in the page. They sign in again in
// a window of its own, by whatever method they have, and are then asked whether to go on.

import { token } from "./offline.js";

let waiting = null;

document.addEventListener("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status !== 401 || ctx.response.headers.get("AIM-Session") !== "expired") return;
  const form = ctx.sourceElement?.closest?.("form");
  const dialog = document.getElementById("session-dialog");
  if (!dialog) return;
  waiting = form ? { form, submitter: ctx.sourceEvent?.submitter ?? null } : null;
  state(dialog, "expired");
  dialog.showModal();
});

function state(dialog, name) {
  for (const part of dialog.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== name;
  if (name !== "again") return;
  dialog.querySelector("[data-question]").textContent = waiting?.form.dataset.resumable || dialog.dataset.question;
  dialog.querySelector("[data-continue]").focus();
}

new BroadcastChannel("aim-session").addEventListener("message", () => {
  const dialog = document.getElementById("session-dialog");
  if (!dialog?.open) return;
  if (waiting?.form.isConnected) state(dialog, "again");
  else location.reload();
});

document.addEventListener("click", (event) => {
  const dialog = event.target.closest("#session-dialog");
  if (!dialog) return;
  if (event.target.closest("[data-sign-in]")) {
    event.preventDefault();
    window.open(event.target.closest("[data-sign-in]").href, "aim-sign-in", "popup,width=520,height=720");
  } else if (event.target.closest("[data-continue]") && waiting) {
    const { form, submitter } = waiting;
    dialog.close();
    // Signing in gave the browser another secret: the form and all requests of this page carry it from now on.
    const field = form.querySelector("[name=csrfmiddlewaretoken]");
    if (field) field.value = token();
    document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": token() }));
    form.requestSubmit(submitter?.isConnected ? submitter : undefined);
  } else if (event.target.closest("[data-leave]")) {
    dialog.close();
  }
});
