// Clips found by words, or as those most like the clip on screen.

import { $ } from "./dom.js";
import * as format from "./format.js";
import { reload } from "./navigation.js";
import { fail, say } from "./notices.js";
import { openSearch, placeOf, total } from "./rows.js";
import { state, tell } from "./state.js";

async function search(wanted, words) {
  let notes;
  try {
    notes = await openSearch(wanted);
  } catch (error) {
    return fail(error.message);
  }
  if (notes === null) return;
  $("search-source").hidden = false;
  $("search-source").querySelector("bdi").textContent = [words, ...notes].join("; ");
  state.row = placeOf(state.id);
  $("list").scrollTop = 0;
  tell("chosen");
  say(`${format.clips(total())}: ${words}.`);
}

/** Show the clips that look like the one on screen. */
export function searchNeighbours() {
  const { clip } = state;
  if (!clip || $("neighbours").disabled) return fail($("neighbours").title);
  const where = `${clip.video} at ${format.time(clip.start_s, 1)}`;
  search({ like: clip.clip_id }, `like ${where}`);
}

/** Say what can be searched here, and search. */
export function startSearch({ can_search: can, missing }) {
  const how = missing.map(({ command }) => command).find((command) => command.includes("embed"));
  const why = how ? `There are no vectors: ${how}` : "There is no model here that finds clips by words";
  $("search").disabled = !can.text;
  $("search").title = can.text ? "What the clip shows, in words (/)" : why;
  $("search").placeholder = can.text ? "Search in words  /" : "Search is off";
  $("neighbours").disabled = !can.like;
  $("neighbours").title = can.like ? "Clips that look like this one (n)" : why;
  $("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("search").value.trim();
    if (text) search({ text }, `“${text}”`);
    else reload();
    $("search").blur();
  });
  $("search-leave").addEventListener("click", () => leaveSearch());
}

/** Back from a search's answer to the list; returns whether there was one. */
export function leaveSearch() {
  if ($("search-source").hidden) return false;
  $("search").value = "";
  reload(state.row);
  return true;
}
