// While AIM cannot be reached: the last data stay, marked as such, and a registration that could not be sent is kept in
// this browser until it can. Nothing secret is kept: a registration holds no private key, and no answer is stored.

const NAME = "aim";
const STORE = "kept";

const banner = () => document.querySelector("[data-offline]");

if ("serviceWorker" in navigator && window.isSecureContext) {
  navigator.serviceWorker.register("/service-worker.js").catch(() => {});
}

document.addEventListener("submit", (event) => {
  if (event.target.action?.endsWith("/logout")) navigator.serviceWorker?.controller?.postMessage("forget");
});

// The mark: as soon as the connection is doubted, with the time of what is shown.
document.addEventListener("aim:connection", (event) => {
  const place = banner();
  if (!place) return;
  const { state } = event.detail;
  const gone = state === "lost" || state === "retrying";
  place.hidden = !gone;
  place.dataset.state = state;
  place.querySelector("[data-words]").textContent = place.dataset[state] ?? "";
  if (!gone) sendKept();
});

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

const kept = () => run("readonly", (store) => store.getAll());

async function keep(form) {
  const fields = [...new FormData(form).entries()].filter(([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken" && name !== "go");
  await run("readwrite", (store) => store.add({ action: form.action, fields, at: new Date().toISOString() }));
  form.closest("dialog")?.close();
  await show();
}

// A form with data-keep that could not reach AIM, or met a proxy that could not.
function failed(event) {
  const { ctx } = event.detail;
  const form = ctx?.sourceElement?.closest?.("form[data-keep]");
  if (!form || ctx.request.method !== "POST") return;
  const submitted = ctx.request.body?.get?.("go");
  const { status } = ctx.response ?? {};
  if (submitted === "submit" && (!status || status === 502 || status === 503 || status === 504)) keep(form);
}
document.addEventListener("htmx:error", failed);
document.addEventListener("htmx:response:error", failed);

async function show() {
  const place = document.querySelector("[data-kept]");
  if (!place) return;
  const waiting = await kept().catch(() => []);
  place.hidden = waiting.length === 0;
  if (!waiting.length) return;
  const names = waiting.map(({ fields }) => fields.find(([name]) => name === "name")?.[1] ?? "");
  place.querySelector("[data-names]").textContent = names.join(", ");
}

let sending = false;
async function sendKept() {
  if (sending || document.querySelector("dialog[open]")) return;
  sending = true;
  // Nothing may draw the page anew before the answer stands in it: it may show a secret for the only time.
  document.documentElement.dataset.sending = "";
  try {
    for (const { id, action, fields } of await kept()) {
      const body = new URLSearchParams([...fields, ["go", "submit"], ["kept", ""]]);
      const answer = await fetch(action, {
        method: "POST",
        body,
        redirect: "manual",
        headers: { "X-CSRFToken": token(), "HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#dialog-place" },
      });
      if (answer.status >= 500 || answer.status === 401 || answer.type === "opaqueredirect") return;
      // Accepted, or refused for a reason that is in the answer: either way a person sees it, and it is sent no more.
      await run("readwrite", (store) => store.delete(id));
      const place = document.getElementById("dialog-place");
      const html = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(...html.body.childNodes);
      window.htmx?.process(place);
      return;
    }
  } catch {
    // Still away: the next sign of life tries again.
  } finally {
    sending = false;
    delete document.documentElement.dataset.sending;
    await show();
  }
}

export function token() {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-kept-send]")) {
    await sendKept();
  } else if (event.target.closest("[data-kept-drop]")) {
    for (const { id } of await kept()) await run("readwrite", (store) => store.delete(id));
    await show();
  } else if (event.target.closest("[data-kept-export]")) {
    const all = (await kept()).map(({ at, fields }) => ({ kept_at: at, form: grouped(fields) }));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
    link.download = "aim-registrations.json";
    link.click();
    URL.revokeObjectURL(link.href);
  }
});

function grouped(fields) {
  const form = {};
  for (const [name, value] of fields) (form[name] ??= []).push(value);
  return form;
}

show().then(sendKept);
