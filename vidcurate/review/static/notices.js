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

/** Close what went wrong; returns whether it was shown. */
export function closeFailure() {
  const shown = !$("failure").hidden;
  $("failure").hidden = true;
  return shown;
}

/** Let failures be closed. */
export function startNotices() {
  $("failure-close").addEventListener("click", closeFailure);
}
