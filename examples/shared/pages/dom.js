// Making and finding elements. Text is only ever set as text.

export const find = (selector, root = document) => root.querySelector(selector);

/** A new element with these properties, and these nodes or texts inside. */
export function element(tag, properties = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...inside);
  return made;
}

/** Text from a stranger, whose direction of writing ends with it. */
export const foreign = (text) => element("bdi", {}, text);

/** Shows one of the page's parts and hides its neighbours; the reader goes on at its heading. */
export function showOnly(part, { focus = true } = {}) {
  for (const other of part.parentElement.children) {
    if (other.matches("section, .loading")) other.hidden = other !== part;
  }
  const heading = find("h1", part);
  if (focus && heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

/** Says what went wrong, in the place for it: read out at once. */
export function alertIn(place, ...text) {
  const box = element("div", { className: "alert" });
  box.setAttribute("role", "alert");
  box.append(element("p", {}, ...text));
  place.replaceChildren(box);
}
