// Building and finding elements; text always enters as text, never as markup.

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** An element with attributes, listeners (`onclick` as a function) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Fill a select with [value, label] pairs; the chosen value stays where it is still there. */
export function fillSelect(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, label]) => make("option", { value }, label)));
  select.value = pairs.some(([value]) => value === chosen) ? chosen : pairs[0][0];
}

/** Fill a datalist with values. */
export function fillChoices(datalist, values) {
  datalist.replaceChildren(...values.map((value) => make("option", { value })));
}

/** A function that runs `work` once `wait` ms have passed without another call. */
export function debounce(work, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(work, wait, ...values);
  };
}

/** Is the person writing in a field, so that keys belong to it? */
export function isTyping(target) {
  if (target.closest("textarea, select, [contenteditable=true]")) return true;
  const input = target.closest("input");
  return input !== null && !["checkbox", "radio", "button", "range"].includes(input.type);
}
