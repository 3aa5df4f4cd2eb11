// Theme and language: the form without its button; the theme changes at once.
const form = () => document.querySelector(".preferences");

export function preferences() {
  form()?.addEventListener("change", (event) => {
    if (event.target.name === "theme") apply(event.target.value);
    else form().requestSubmit();
  });
}

// Filters apply as they are chosen.
export function filters() {
  document.addEventListener("change", (event) => {
    const chosen = event.target.closest("form[data-auto]");
    if (chosen && event.target.matches("select")) chosen.requestSubmit();
  });
}

export function otherTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (document.documentElement.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const chosen = dark ? "light" : "dark";
  form().elements.theme.value = chosen;
  apply(chosen);
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector("meta[name=color-scheme]").content = theme === "auto" ? "light dark" : theme;
  fetch("/preferences", { method: "POST", body: new URLSearchParams({ theme, quietly: "1" }) });
}
