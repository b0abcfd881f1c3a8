// The inbox of approvals by key and by pointer. Nothing is decided but what has stood before the person's eyes: while
// another request is on its way, and for a moment after it has come, the decision cannot be pressed.

const LOOK = 5_000;
// As long as browsers hold back their own questions about security.
const HOLD = 400;

const inbox = () => document.querySelector("[data-requests]");
const detail = () => document.querySelector("[data-shown]");
let shown;

function hold() {
  const now = detail();
  if (now?.dataset.shown === shown) return;
  shown = now?.dataset.shown;
  const bar = now?.querySelector(".decision-bar");
  if (!bar) return;
  bar.inert = true;
  setTimeout(() => {
    bar.inert = false;
  }, HOLD);
}

const chooses = (ctx) => ctx.target === inbox() && ctx.sourceElement.matches("a");
const decides = (ctx) => ctx.sourceElement.matches(".decision-bar");

function mark(id) {
  for (const row of document.querySelectorAll("[data-request]")) {
    if (row.dataset.request === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

hold();
if (inbox()) new MutationObserver(hold).observe(inbox(), { attributes: true, attributeFilter: ["data-shown"], subtree: true });

// j and k go through the requests.
document.addEventListener("aim:key", (event) => {
  const { keys } = event.detail;
  const rows = [...document.querySelectorAll("[data-request]")];
  if (!rows.length || (keys !== "j" && keys !== "k")) return;
  event.preventDefault();
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + (keys === "j" ? 1 : -1)))];
  if (next !== rows[at]) next.click();
});

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.superseded) return;
  if (chooses(ctx)) {
    mark(ctx.sourceElement.dataset.request);
    detail().inert = true;
  } else if (decides(ctx)) {
    ctx.sourceElement.inert = true;
  }
});

// What failed leaves the request that was there, and its row says so again.
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const now = detail();
  if (!now || ctx.superseded || ctx.keepIndicators) return;
  if (chooses(ctx)) {
    now.inert = false;
    mark(now.dataset.shown);
  } else if (decides(ctx)) {
    ctx.sourceElement.inert = false;
  }
});

// A denial needs a note: where there is none yet, its button and its key lead there, and Enter in the note denies.
document.addEventListener(
  "submit",
  (event) => {
    const note = event.target.querySelector("[data-denies]");
    if (!note || event.submitter?.value !== "deny" || note.value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    note.setCustomValidity(note.dataset.denies);
    note.reportValidity();
    note.setCustomValidity("");
    note.focus();
  },
  true,
);

// While the inbox is open and nothing is typed, it looks for new requests. What is shown stays, also when it was decided
// by somebody else meanwhile.
setInterval(() => {
  const place = inbox();
  const note = document.getElementById("note");
  const deciding = document.querySelector(".decision-bar[inert]") !== null;
  if (!place?.matches("[data-inbox]") || document.hidden || note?.value || deciding) return;
  const address = new URL(location.href);
  address.searchParams.set("shown", shown ?? "");
  window.htmx?.ajax("GET", address.href, { target: place, swap: "outerMorph", push: "false", quiet: true });
}, LOOK);
