// Who is judging: asked once, kept in this browser, changed on a click.

import { $ } from "./dom.js";

const KEY = "vidcurate.reviewer";
let waiting = null;

/** The name, or an empty text. */
export const reviewer = () => localStorage.getItem(KEY) ?? "";

/** The name, asked for where there is none; null where the person gives none. */
export async function needReviewer() {
  return reviewer() || askReviewer();
}

/** Ask for the name; the answer is the name that holds from then on, or null. */
export function askReviewer() {
  const dialog = $("reviewer-dialog");
  $("reviewer-name").value = reviewer();
  if (!dialog.open) dialog.showModal();
  waiting ??= new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        waiting = null;
        resolve(reviewer() || null);
      },
      { once: true },
    );
  });
  return waiting;
}

/** Show the name; a name in the address replaces it, and where there is none it is asked for. */
export function startReviewer() {
  const query = new URLSearchParams(location.search);
  if (query.get("reviewer")) {
    localStorage.setItem(KEY, query.get("reviewer"));
    query.delete("reviewer");
    history.replaceState(null, "", `?${query}${location.hash}`);
  }
  const form = $("reviewer-dialog").querySelector("form");
  form.addEventListener("submit", (event) => {
    const name = $("reviewer-name").value.trim();
    if (!name) return event.preventDefault();
    localStorage.setItem(KEY, name);
    showReviewer();
  });
  $("reviewer").addEventListener("click", askReviewer);
  showReviewer();
  if (!reviewer()) askReviewer();
}

function showReviewer() {
  $("reviewer").querySelector("bdi").textContent = reviewer() || "nobody yet";
}
