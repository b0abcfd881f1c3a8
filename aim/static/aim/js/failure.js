// A part of a page that could not be fetched: what was there stays, and a toast offers to try again.

function say(text, requestId, retry) {
  const template = document.getElementById("failure-toast");
  const place = document.querySelector(".toasts");
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

function again(ctx) {
  const { sourceElement } = ctx;
  if (sourceElement?.isConnected && ctx.request.method === "GET") {
    window.htmx.ajax("GET", ctx.request.action, { source: sourceElement, target: ctx.target, swap: ctx.swap, push: ctx.push });
  } else {
    location.reload();
  }
}

document.addEventListener("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  const { status, headers } = ctx.response;
  if (status === 422 || status === 401) return;
  const words = document.getElementById("failure-toast")?.dataset;
  say(words?.[`words${status}`] || words?.words || "", headers.get("X-Request-ID"), () => again(ctx));
});

document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (!ctx?.request) return;
  const words = document.getElementById("failure-toast")?.dataset;
  say(words?.wordsNetwork || "", "", () => again(ctx));
});
