// A part of a page that could not be fetched, or a form that was not taken: what was there stays, with everything that
// was filled in, and a toast offers to try again.

function say(text, requestId, retry) {
  const template = document.getElementById("failure-toast");
  const place = placeOfToasts();
  if (!template || !place) return;
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.querySelector("p").textContent = text;
  const code = toast.querySelector("code");
  if (requestId) code.textContent = requestId;
  else code.remove();
  toast.querySelector("[data-retry]").addEventListener("click", () => {
    toast.remove();
    retry();
  });
  place.replaceChildren(toast);
}

// Behind a dialog that asks for all attention nothing can be pressed: there the toast stands in it.
function placeOfToasts() {
  const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
  if (!dialog) return document.querySelector(".toasts");
  let place = dialog.querySelector(":scope > .toasts");
  if (!place) {
    place = document.createElement("div");
    place.className = "toasts";
    place.setAttribute("role", "status");
    dialog.append(place);
  }
  return place;
}

function again(ctx) {
  const { sourceElement } = ctx;
  const form = formOf(ctx);
  if (sourceElement?.isConnected && ctx.request.method === "GET") {
    window.htmx.ajax("GET", ctx.request.action, { source: sourceElement, target: ctx.target, swap: ctx.swap, push: ctx.push });
  } else if (form?.isConnected) {
    const submitter = ctx.sourceEvent?.submitter;
    form.requestSubmit(submitter?.isConnected ? submitter : undefined);
  } else {
    location.reload();
  }
}

function formOf(ctx) {
  return ctx.request.method === "GET" ? null : ctx.sourceElement?.closest?.("form");
}

document.addEventListener("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  const { status, headers } = ctx.response;
  if (status === 422 || status === 401) return;
  const words = document.getElementById("failure-toast")?.dataset;
  const own = status >= 500 && formOf(ctx)?.dataset.failed;
  say(own || words?.[`words${status}`] || words?.words || "", headers.get("X-Request-ID"), () => again(ctx));
});

document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (!ctx?.request) return;
  const words = document.getElementById("failure-toast")?.dataset;
  say(words?.wordsNetwork || "", "", () => again(ctx));
});
