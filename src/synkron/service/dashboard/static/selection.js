// Many at once: the bar of a form appears when rows are selected, and says how many.
export function selection() {
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-all]")) {
      const table = event.target.closest("table");
      for (const one of table.querySelectorAll("input[data-one]")) one.checked = event.target.checked;
    }
    if (event.target.matches("input[data-all], input[data-one]")) tell();
  });
  document.addEventListener("synkron:shown", tell);
  tell();
}

function tell() {
  for (const bar of document.querySelectorAll(".bulk")) {
    const boxes = [...document.querySelectorAll("input[data-one]")];
    const number = boxes.filter((one) => one.checked).length;
    bar.classList.toggle("idle", number === 0);
    const said = bar.querySelector("[data-count]");
    if (said) said.textContent = (number === 1 ? said.dataset.one : said.dataset.other).replace("@", number);
    const all = document.querySelector("input[data-all]");
    if (all) {
      all.checked = number > 0 && number === boxes.length;
      all.indeterminate = number > 0 && number < boxes.length;
    }
  }
}
