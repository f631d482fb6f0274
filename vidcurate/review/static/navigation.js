// Moving from clip to clip, and from list to list.

import { applyMoves } from "./decide.js";
import { detail } from "./details.js";
import { $, debounce } from "./dom.js";
import { pendingMoves } from "./edges.js";
import { wantedQuery } from "./filters.js";
import { saveCaption } from "./judging.js";
import { fail, say } from "./notices.js";
import { preload } from "./player.js";
import { fetchRow, openQuery, placeOf, total } from "./rows.js";
import { state, tell } from "./state.js";

const AHEAD = 2; // clips whose facts are asked for before they are needed

/** Show a clip: at a place of the list, or where it lies in it; also again, with newer facts. */
export async function show(id, place = placeOf(id)) {
  const began = performance.now();
  if (state.id !== id) keepCaption();
  state.id = id;
  if (place >= 0) state.row = place;
  tell("chosen");
  writeHash();
  let clip;
  try {
    clip = await detail(id);
  } catch (error) {
    if (state.id === id) fail(error.message);
    return;
  }
  if (state.id !== id) return;
  state.clip = clip;
  tell("clip", clip);
  document.body.dataset.clip = id;
  requestAnimationFrame(() => (document.body.dataset.shownMs = Math.round(performance.now() - began)));
  await askAhead();
}

/** Save a caption that was changed, before another clip or other facts come. */
export async function keepCaption() {
  if (state.clip && $("caption").hasAttribute("data-changed")) await saveCaption();
}

async function askAhead() {
  const { id, row } = state;
  for (let more = 1; more <= AHEAD; more++) {
    const next = await fetchRow(row + more);
    if (!next || state.id !== id) return;
    const clip = await detail(next.clip_id).catch(() => null); // shown once it is its turn
    if (more === 1 && state.id === id) preload(clip);
    for (const { url } of clip?.keyframes ?? []) new Image().src = url;
  }
}

async function go(by) {
  if (pendingMoves() && !(await applyMoves())) return;
  const place = state.row + by;
  if (place < 0 || place >= total()) {
    say(by > 0 ? "This is the last clip." : "This is the first clip.");
    return;
  }
  const row = await fetchRow(place);
  if (row) show(row.clip_id, place);
}

/** Show the next clip of the list; edges that were moved are applied first. */
export const next = () => go(1);

/** Show the clip before. */
export const previous = () => go(-1);

/** Show the clip at a place of the list. */
export async function choose(place) {
  const row = await fetchRow(place);
  if (row) show(row.clip_id, place);
  closeList();
}

/** The clip in the address, so that a reload shows it again. */
const writeHash = debounce(() => {
  const hash = new URLSearchParams({ clip: state.id, row: state.row });
  history.replaceState(null, "", `${location.search}#${hash}`);
}, 150);

/** The list for the filters; the clip on screen stays where it is in it, else the first comes. */
export async function reload(near = 0) {
  $("search-source").hidden = true;
  try {
    if (!(await openQuery(wantedQuery(), near))) return;
  } catch (error) {
    fail(error.message);
    return;
  }
  const place = state.id ? placeOf(state.id) : -1;
  state.row = place;
  if (place >= 0) tell("chosen");
  else if (total() > 0) await show((await fetchRow(0)).clip_id, 0);
  else tell("chosen");
}

/** Close the list where it lies over the clip, as on a phone. */
export function closeList() {
  document.body.removeAttribute("data-list");
  $("list-open").setAttribute("aria-expanded", "false");
}
