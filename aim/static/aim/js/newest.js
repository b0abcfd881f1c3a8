// Of several answers for one place only the one that was asked for last is shown, whichever comes first. Without it a
// slow answer would put an older choice back, under the eyes of somebody who decides on it. What is given up is ended
// quietly: htmx would log it as an error, and forget the newest request of a form when an older one ends. What looks by
// itself for what is new (`quiet`) gives way to whatever a person has asked for.

const newest = new WeakMap();
let asked = 0;

async function ask(ctx, address, request) {
  try {
    const response = await fetch(address, request);
    const text = await response.text();
    response.text = async () => text;
    if (!ctx.superseded) return response;
  } catch (error) {
    if (!ctx.superseded) throw error;
  }
  ctx.status = "dropped";
  return new Response(null, { status: 204 });
}

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  asked += 1;
  ctx.asked = asked;
});

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.request.method !== "GET" || !ctx.target) return;
  const before = newest.get(ctx.target);
  // What waited in its element's queue while something else was chosen is too late.
  if (before && (before.asked > ctx.asked || (ctx.quiet && !before.ended))) {
    ctx.superseded = true;
    event.preventDefault();
    return;
  }
  newest.set(ctx.target, ctx);
  ctx.fetch = (address, request) => ask(ctx, address, request);
  if (!before || before.ended) return;
  before.superseded = true;
  before.request.abort();
});

document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx?.superseded) event.preventDefault();
});

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  ctx.ended = true;
});
