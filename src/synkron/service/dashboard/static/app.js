// The dashboard works without this. With it, pages are live, keys lead everywhere, and forms open in place.
import { keys } from "./keys.js";
import { live } from "./live.js";
import { filters, preferences } from "./preferences.js";
import { times } from "./times.js";
import { selection } from "./selection.js";
import { dialogs } from "./dialogs.js";

document.documentElement.classList.add("with-script");
const menu = document.querySelector(".menu");
if (menu && matchMedia("(max-width: 48rem)").matches) menu.open = false;
preferences();
filters();
times();
keys();
selection();
dialogs();
live();
