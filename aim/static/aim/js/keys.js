// Obeys the sheet of keys, which is the server's registry: what is not on the sheet does nothing.
import { fold } from "./preferences.js";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const SEQUENCE_SECONDS = 1.2;
const MOVES = new Set(["j", "k"]);
let begun = "";
let forget;

const registered = new Map(
  [...document.querySelectorAll("[data-keys-pressed]")].map((line) => [line.dataset.keysPressed, line.dataset]),
);

if (!MAC) {
  for (const cap of document.querySelectorAll("[data-cap^=mod]")) cap.textContent = cap.textContent.replace("⌘", "Ctrl ");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const pressed = name(event);
  // A key that is held down moves a cursor, but says nothing twice.
  if (event.repeat && !MOVES.has(pressed)) return;
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (typing && !pressed.startsWith("mod+")) return;
  if (document.querySelector("dialog:modal") && !pressed.startsWith("mod+")) return;
  const keys = begun ? `${begun} ${pressed}` : pressed;
  clearTimeout(forget);
  begun = "";
  if (obey(keys)) {
    event.preventDefault();
  } else if ([...registered.keys()].some((known) => known.startsWith(`${keys} `))) {
    begun = keys;
    forget = setTimeout(() => { begun = ""; }, SEQUENCE_SECONDS * 1000);
  }
});

function name(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : { Escape: "esc", Enter: "enter" }[event.key] || event.key;
  return (MAC ? event.metaKey : event.ctrlKey) ? `mod+${key}` : key;
}

function obey(keys) {
  const found = registered.get(keys);
  if (!found) return false;
  if (found.address) {
    location.assign(found.address);
    return true;
  }
  if (keys === "[") {
    fold();
    return true;
  }
  const scope = document.querySelector("dialog:modal") || document;
  const target = [...scope.querySelectorAll(`[data-key="${CSS.escape(keys)}"]`)].find(
    (element) => element.checkVisibility() && !element.closest("[inert]"),
  );
  if (target) {
    if (target.matches("input, textarea")) {
      target.focus();
      target.select?.();
    } else {
      target.click();
    }
    return true;
  }
  return !document.dispatchEvent(new CustomEvent("aim:key", { detail: { keys }, cancelable: true }));
}
