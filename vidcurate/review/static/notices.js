// What the page says: decisions politely, failures until they are closed.

import { $ } from "./dom.js";

let fading = 0;

/** Say what happened, on screen for a moment and to a screen reader. */
export function say(text) {
  $("said").textContent = text;
  $("said").classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => $("said").classList.remove("shown"), 2500);
}

/** Show what went wrong until it is closed. */
export function fail(text) {
  $("failure").firstElementChild.textContent = text;
  $("failure").hidden = false;
}

/** Let failures be closed. */
export function startNotices() {
  $("failure-close").addEventListener("click", () => ($("failure").hidden = true));
}
