// Live: the server says what has changed, and the page fetches itself. Where no stream comes through, it asks by itself.
import { morph } from "./morph.js";
import { marks, setNow } from "./times.js";

const POLL = 10_000;
const AGAIN = 5_000;
const AFTER = 1_000;
const place = () => document.getElementById("live");
let stream, polling, loading, wanted, again;

export function live() {
  if (!document.body.dataset.topics) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start(true)));
  start(false);
}

function start(late) {
  if (document.hidden) return;
  if (late) refresh();
  if (stream) return;
  stream = new EventSource("/live?topics=" + encodeURIComponent(document.body.dataset.topics));
  stream.onopen = () => {
    clearInterval(polling);
    polling = undefined;
    say(true);
    // What changed between the page and its stream, nobody tells.
    setTimeout(refresh, AFTER);
  };
  stream.addEventListener("changed", refresh);
  // Who may look has changed, or the database is away: the page finds out, and says so.
  stream.addEventListener("over", refresh);
  stream.addEventListener("away", () => say(false));
  // A tick alone changes no more than the figure that shows it: the page need not be fetched.
  stream.addEventListener("tick", (told) => {
    const shown = document.querySelector(".tile.tick time");
    if (!shown) return;
    shown.dateTime = told.data;
    shown.querySelector("[data-at]").dataset.at = told.data;
    marks();
  });
  stream.onerror = () => {
    say(false);
    polling ??= setInterval(refresh, POLL);
    if (stream?.readyState === EventSource.CLOSED) {
      stream = undefined;
      clearTimeout(again);
      again = setTimeout(() => start(false), AGAIN + Math.random() * AGAIN);
    }
  };
}

function stop() {
  stream?.close();
  stream = undefined;
  clearInterval(polling);
  polling = undefined;
}

function say(works) {
  const said = place();
  if (!said) return;
  said.classList.toggle("waiting", !works);
  said.textContent = works ? said.dataset.live : said.dataset.waiting;
}

// One load at a time; what changes meanwhile causes one more.
async function refresh() {
  if (loading) {
    wanted = true;
    return;
  }
  loading = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    // Who looks may do so no longer, or what they look at is gone: the page of that is another one.
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) location.reload();
    else if (answer.ok) show(await answer.text());
    say(answer.ok && stream?.readyState === EventSource.OPEN);
  } catch {
    say(false);
  } finally {
    loading = false;
    if (wanted) {
      wanted = false;
      setTimeout(refresh, 1000);
    }
  }
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const main = fresh.getElementById("main");
  if (!main || document.querySelector("dialog[open]:not(#help)")) return;
  setNow(fresh.body.dataset.now);
  // A message is shown until the next page, though the fresh one has none.
  const flash = document.querySelector("main > .flash");
  if (flash && !main.querySelector(":scope > .flash")) main.prepend(flash.cloneNode(true));
  morph(document.getElementById("main"), main);
  if (document.title !== fresh.title) document.title = fresh.title;
  document.dispatchEvent(new Event("synkron:shown"));
}
