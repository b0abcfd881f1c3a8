// A strip of tabs that is wider than the screen begins where the tab is that is looked at.

function show() {
  for (const strip of document.querySelectorAll(".tabs")) {
    const tab = strip.querySelector("[aria-current]");
    if (!tab || strip.scrollWidth <= strip.clientWidth) continue;
    strip.scrollLeft = tab.offsetLeft - strip.offsetLeft - (strip.clientWidth - tab.offsetWidth) / 2;
  }
}

show();
addEventListener("resize", show);
document.addEventListener("htmx:after:swap", show);
