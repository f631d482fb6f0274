// The list's rows, as far as they are loaded: a filtered and sorted query, or a search's answer.
// Rows keep their places after decisions, also where they no longer fit the filter.

import { get } from "./api.js";
import { fail } from "./notices.js";
import { tell } from "./state.js";

const PAGE = 100;

let rows = []; // sparse: a place without a row is not loaded
let query = null; // null: the answer to a search, which has no more pages
let generation = 0; // answers to an older query or to places that have moved are dropped
let loading = new Set();

/** How many rows the list has. */
export const total = () => rows.length;

/** The row at a place, undefined where it is not loaded. */
export const rowAt = (place) => rows[place];

/** The place of a clip among the loaded rows, -1 where it is not among them. */
export const placeOf = (id) => rows.findIndex((row) => row?.clip_id === id);

/** Load a query; the page around `near` comes first. Returns false where another came after it. */
export async function openQuery(wanted, near = 0) {
  const own = ++generation;
  const offset = Math.max(0, near - (near % PAGE));
  let answer = await get("/api/clips", { ...wanted, offset, limit: PAGE });
  if (offset && !answer.clips.length) {
    answer = await get("/api/clips", { ...wanted, offset: 0, limit: PAGE });
  }
  if (own !== generation) return false;
  query = wanted;
  loading = new Set();
  rows = new Array(answer.total);
  answer.clips.forEach((row, index) => (rows[answer.offset + index] = row));
  tell("rows");
  return true;
}

/** Show the answer to a search, `{text}` or `{like}`: what it leaves out; null if another came. */
export async function openSearch(wanted) {
  const own = ++generation;
  const answer = await get("/api/search", { ...wanted, top: 200 });
  if (own !== generation) return null;
  query = null;
  rows = answer.clips;
  tell("rows");
  return answer.notes;
}

/** Make sure that the rows of some places get loaded. */
export async function want(first, last) {
  if (query === null) return;
  for (let place = Math.max(0, first); place <= Math.min(last, rows.length - 1); place++) {
    if (rows[place] || loading.has(place)) continue;
    const end = Math.min(place + PAGE, rows.length);
    for (let other = place; other < end; other++) loading.add(other);
    load(place, end - place);
  }
}

/** Load the row at a place and return it. */
export async function fetchRow(place) {
  if (!rows[place] && query !== null && place >= 0 && place < rows.length) await load(place, PAGE);
  return rows[place];
}

async function load(place, limit) {
  const own = generation;
  try {
    const offset = place - gone(place);
    const answer = await get("/api/clips", { ...query, offset, limit });
    if (own !== generation) return;
    answer.clips.forEach((row, index) => (rows[place + index] ??= row));
    if (!answer.clips.length) rows.length = place; // others decided meanwhile: fewer fit
    tell("rows");
  } catch (error) {
    if (own === generation) fail(`The list does not load: ${error.message}.`);
  }
}

/** How many rows before a place the server leaves out by now, since they were decided. */
function gone(place) {
  return rows.slice(0, place).filter((row) => row && !fits(row)).length;
}

function fits(row) {
  return (
    (!query.verdict || (row.verdict ?? "none") === query.verdict) &&
    (!query.fate || row.fate === query.fate)
  );
}

/** Change what a row says; returns what it said before, undefined where it is not loaded. */
export function patch(id, change) {
  const place = placeOf(id);
  if (place < 0) return undefined;
  const before = rows[place];
  rows[place] = { ...before, ...change, value: change.value ?? before.value };
  tell("rows");
  return before;
}

/** Put clips in the place of others. */
export function replace(removed, added) {
  const places = removed.map(placeOf).filter((place) => place >= 0);
  if (!places.length && !added.length) return;
  const at = places.length ? Math.min(...places) : rows.length;
  places.sort((a, b) => b - a).forEach((place) => rows.splice(place, 1));
  if (places.length) rows.splice(at, 0, ...added);
  generation++;
  loading = new Set();
  tell("rows");
}
