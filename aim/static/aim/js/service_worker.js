// Keeps the last state of each page of the console, for the time in which AIM cannot be reached. Only whole pages that
// were asked for by GET, and of them only those that the server marks as such: a page that may show a key, a code or a
// link once has no mark. Signing out, and every answer that leads to signing in, forgets them all.

const PAGES = "aim-marked-pages";
const ASSETS = "aim-assets";
const MOST_PAGES = 30;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(Promise.all([self.clients.claim(), forgetFormer()])));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/logout") || url.pathname.startsWith("/login")) {
    event.waitUntil(caches.delete(PAGES));
  } else if (request.mode === "navigate" && url.pathname.startsWith("/dashboard")) {
    event.respondWith(page(request));
  } else if (url.pathname.startsWith("/static/")) {
    event.respondWith(asset(request));
  }
});

self.addEventListener("message", (event) => {
  if (event.data === "forget") event.waitUntil(caches.delete(PAGES));
});

// What earlier versions of this file have kept, who knew no marks.
async function forgetFormer() {
  for (const name of await caches.keys()) if (name !== PAGES && name !== ASSETS) await caches.delete(name);
}

async function page(request) {
  try {
    const answer = await fetch(request);
    if (answer.redirected && new URL(answer.url).pathname.startsWith("/login")) await caches.delete(PAGES);
    else if (answer.ok && !answer.redirected && answer.headers.get("AIM-Offline") === "keep") {
      await keep(request, answer.clone());
    }
    return answer;
  } catch (error) {
    const known = await caches.match(request, { cacheName: PAGES });
    if (known) return known;
    throw error;
  }
}

async function keep(request, answer) {
  const cache = await caches.open(PAGES);
  const kept = await cache.keys();
  for (const old of kept.slice(0, Math.max(0, kept.length - MOST_PAGES + 1))) await cache.delete(old);
  await cache.put(request, answer);
}

async function asset(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      const cache = await caches.open(ASSETS);
      await cache.put(request, answer.clone());
    }
    return answer;
  } catch (error) {
    const known = await caches.match(request, { cacheName: ASSETS });
    if (known) return known;
    throw error;
  }
}
