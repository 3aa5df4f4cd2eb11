// Keeps relative times true, by the server's clock: `times.py` says the same.
const body = document.body.dataset;
const units = body.units.split(" ");
let ahead = Date.parse(body.now) - Date.now();

export const now = () => Date.now() + ahead;

export function setNow(text) {
  ahead = Date.parse(text) - Date.now();
}

export function relative(at) {
  const seconds = Math.round((at - now()) / 1000);
  if (seconds === 0) return body.justNow;
  return (seconds > 0 ? body.ahead : body.ago).replace("@", coarse(Math.abs(seconds)));
}

function coarse(seconds) {
  for (const [size, least, unit] of [[86400, 2, units[3]], [3600, 2, units[2]], [60, 1, units[1]]])
    if (seconds >= size * least) return `${Math.floor(seconds / size)}\u00a0${unit}`;
  return `${seconds}\u00a0${units[0]}`;
}

// A figure that is a moment is well until it is this many seconds old.
export function marks() {
  for (const one of document.querySelectorAll("[data-limit]")) {
    const age = (now() - Date.parse(one.querySelector("time").dateTime)) / 1000;
    const kind = age > one.dataset.limit ? "failed" : "done";
    one.querySelector(".state").setAttribute("class", `state ${kind}`);
    one.querySelector("use").setAttribute("href", `#mark-${kind}`);
  }
}

export function times() {
  const tell = () => {
    marks();
    for (const one of document.querySelectorAll("[data-at]")) {
      const text = relative(Date.parse(one.dataset.at));
      if (one.textContent !== text) one.textContent = text;
    }
  };
  tell();
  setInterval(() => document.hidden || tell(), 1000);
}
