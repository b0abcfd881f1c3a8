// In the window of its own: tell the page that waits, and go away.
new BroadcastChannel("aim-session").postMessage("signed-in");
window.close();
