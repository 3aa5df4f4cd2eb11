// What asks before it acts opens in place: a link or button marked data-dialog leads to a page with a form, and the form
// is shown over the page that it came from. Nothing is shown as done before the server has said so.
export function dialogs() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    await open(link.href);
  });
  document.addEventListener("submit", async (event) => {
    const by = event.submitter;
    if (by?.hasAttribute("data-dialog")) {
      event.preventDefault();
      const fields = new URLSearchParams(new FormData(event.target, by));
      fields.delete("form_token");
      await open((by.hasAttribute("formaction") ? by.formAction : event.target.action) + "?" + fields);
    } else if (event.target.method === "post") by?.setAttribute("aria-busy", "true");
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("button[data-copy]");
    if (copy) navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent).then(() => said(copy));
    const opened = event.target.closest("[data-close]")?.closest("dialog");
    if (opened) {
      event.preventDefault();
      opened.close();
    }
  });
}

function said(button) {
  const before = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = before), 2000);
}

async function open(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Anything but such a form, or why there is none, is a page of its own.
  const content = fresh.querySelector("main [data-sheet]");
  if (!content || answer.redirected) return location.assign(address);
  document.querySelector("dialog.opened")?.close();
  const dialog = document.createElement("dialog");
  dialog.className = "opened";
  dialog.append(...content.childNodes);
  const title = dialog.querySelector("h1");
  if (title) {
    title.id = "sheet-title";
    dialog.setAttribute("aria-labelledby", title.id);
  }
  for (const one of dialog.querySelectorAll("a[data-close]")) if (!content.dataset.sheet) one.textContent = document.body.dataset.close;
  for (const back of dialog.querySelectorAll("input[name=back]")) back.value = location.pathname + location.search;
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();
}
