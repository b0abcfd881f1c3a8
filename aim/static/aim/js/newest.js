// Of a form that asks anew with every letter (hx-sync "replace"), only the newest answer counts. What is given up is
// ended quietly: htmx would log it as an error, and forget the newest request when an older one of the same form ends.

const newest = new WeakMap();

async function ask(ctx, address, request) {
  try {
    const response = await fetch(address, request);
    const text = await response.text();
    response.text = async () => text;
    return response;
  } catch (error) {
    if (newest.get(ctx.sourceElement) === ctx) throw error;
    ctx.status = "dropped";
    return new Response(null, { status: 204 });
  }
}

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.queueStrategy !== "replace") return;
  newest.get(ctx.sourceElement)?.request.abort();
  newest.set(ctx.sourceElement, ctx);
  ctx.fetch = (address, request) => ask(ctx, address, request);
});
