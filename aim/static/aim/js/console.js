// The console's behaviours, one module each. Without them every page still works by links and forms.
import "./connection.js";
import "./copy.js";
import "./countdown.js";
import "./dialog.js";
import "./drawer.js";
import "./failure.js";
import "./key_file.js";
import "./keys.js";
import "./list.js";
import "./live.js";
import "./menu.js";
import "./offline.js";
import "./palette.js";
import "./preferences.js";
import "./proof.js";
import "./session.js";
import "./toast.js";
