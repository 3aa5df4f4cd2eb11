// Keys: `/` searches, `j` and `k` walk through rows, `x` selects, Enter opens, `t` changes the theme, `g` and a letter go
// to a page, `?` explains.
import { otherTheme } from "./preferences.js";

const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
let goes = false;

export function keys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target)) return;
    const does = goes ? go(event.key) : act(event.key);
    goes = !goes && event.key === "g";
    if (does) event.preventDefault();
  });
}

function go(letter) {
  document.querySelector(`nav a[data-key="${CSS.escape(letter)}"]`)?.click();
  return true;
}

function act(key) {
  if (document.querySelector("dialog[open]")) return false;
  if (key === "/") return focus(document.getElementById("search"));
  if (key === "?") return document.getElementById("help").showModal(), true;
  if (key === "t") return otherTheme(), true;
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  const here = document.querySelector("tr.here");
  if (key === "x") return here?.querySelector("input[type=checkbox]")?.click(), Boolean(here);
  if (key === "Enter" && here && document.activeElement.closest("tr") !== here)
    return here.querySelector("a")?.click(), true;
  return false;
}

function focus(field) {
  field?.focus();
  field?.select();
  return Boolean(field);
}

function step(by) {
  const rows = [...document.querySelectorAll("main tbody tr[data-row]")];
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)];
  for (const row of rows) row.classList.toggle("here", row === next);
  (next.querySelector("a") ?? next.querySelector("button, input"))?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}
