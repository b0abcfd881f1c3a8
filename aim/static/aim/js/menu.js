// Menus: arrow keys move in them. Where the browser cannot place a popover at its button by itself, this does.

const PLACED_BY_STYLE = CSS.supports("position-area: bottom");

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu") || event.newState !== "open") return;
  if (!PLACED_BY_STYLE) place(menu);
}, true);

function place(menu) {
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button) return;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = menu.classList.contains("menu-end") ? at.right - width : at.left;
  const top = at.bottom + height + 8 > innerHeight ? at.top - height - 8 : at.bottom;
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, top)}px`;
}

// A link in a menu leads somewhere else, even where only a part of the page changes; boxes and switches leave it open.
document.addEventListener("click", (event) => {
  const item = event.target.closest?.(".menu a.menu-item, .menu [data-closes-menu]");
  const menu = item?.closest(".menu:popover-open");
  if (menu && !event.ctrlKey && !event.metaKey && !event.shiftKey) menu.hidePopover();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const menu = event.target.closest?.(".menu:popover-open") || document.querySelector(".menu:popover-open");
  if (!menu || event.target.matches("input[type=search], textarea")) return;
  const items = [...menu.querySelectorAll("a.menu-item, button.menu-item, label.menu-item input")].filter((item) => item.offsetParent);
  if (!items.length) return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length].focus();
});
