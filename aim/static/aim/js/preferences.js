// Theme, rows and navigation: at once here, and kept in a cookie so that the server draws the next page alike.

const YEAR = 365 * 24 * 3600;

function keep(name, value) {
  document.documentElement.dataset[name] = value;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `aim_${name}=${value}; path=/; max-age=${YEAR}; SameSite=Lax${secure}`;
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-preference]");
  const chosen = event.submitter?.value;
  if (!form || !chosen) return;
  event.preventDefault();
  keep(form.dataset.preference, chosen);
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button === event.submitter));
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-fold-navigation]")) return;
  fold();
});

export function fold() {
  keep("navigation", document.documentElement.dataset.navigation === "collapsed" ? "expanded" : "collapsed");
}
