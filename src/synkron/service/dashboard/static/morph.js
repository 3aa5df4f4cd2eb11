// Makes one tree equal to another, and touches only what differs: focus, selection, scrolling and what is typed stay.
const name = (node) => (node.nodeType === 1 ? node.id || node.dataset.row || "" : "");
const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && name(one) === name(other);

export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType === 3) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== 1) return;
  attributes(old, fresh);
  if (old.nodeName === "TEXTAREA" || old.nodeName === "SELECT") return;
  children(old, fresh);
}

function attributes(old, fresh) {
  const kept = new Set(["open", "value", "checked"]);
  if (old.classList.contains("here")) fresh.classList.add("here");
  for (const { name, value } of [...fresh.attributes])
    if (!kept.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!kept.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
}

function children(old, fresh) {
  const named = new Map([...old.children].filter(name).map((one) => [name(one), one]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = named.get(name(wanted));
    if (known && alike(known, wanted)) {
      if (known !== at) old.insertBefore(known, at);
      else at = at.nextSibling;
      morph(known, wanted);
    } else if (at && alike(at, wanted) && !name(wanted)) {
      const next = at.nextSibling;
      morph(at, wanted);
      at = next;
    } else old.insertBefore(wanted, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
