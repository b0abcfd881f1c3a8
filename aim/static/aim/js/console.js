// The console's behaviours, one module each. Without them every page still works by links and forms.
import "./connection.js";
import "./copy.js";
import "./dialog.js";
import "./drawer.js";
import "./failure.js";
import "./keys.js";
import "./list.js";
import "./menu.js";
import "./palette.js";
import "./preferences.js";
import "./toast.js";
