// The editor of a policy sends itself a moment after each change. What is pressed after a change has it in it already; and
// while the answer to what was pressed is on its way, nothing can be changed that this answer would not know of.

const EDITOR = ".policy-editor";
const pressed = new WeakMap();
let focused;

document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches(EDITOR)) pressed.set(event.target, event.timeStamp);
  },
  true,
);

document.addEventListener("htmx:config:request", (event) => {
  const { sourceElement: form, sourceEvent } = event.detail.ctx;
  if (!form.matches(EDITOR)) return;
  if (sourceEvent.type === "change" && sourceEvent.timeStamp <= (pressed.get(form) ?? -1)) event.preventDefault();
});

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement: form, sourceEvent } = event.detail.ctx;
  if (!form.matches(EDITOR) || sourceEvent.type !== "submit") return;
  focused = document.activeElement;
  form.inert = true;
});

document.addEventListener("htmx:finally:request", (event) => {
  const { sourceElement: form, sourceEvent } = event.detail.ctx;
  if (!form.matches(EDITOR) || sourceEvent.type !== "submit") return;
  form.inert = false;
  if (focused?.isConnected && document.activeElement === document.body) focused.focus({ preventScroll: true });
});
