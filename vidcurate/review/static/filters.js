// Which clips the list shows and in which order; it stands in the address, so that a reload keeps it.

import { $, debounce, fillChoices, fillSelect, make } from "./dom.js";
import * as format from "./format.js";
import { on, state } from "./state.js";

const WAIT = 250; // ms after the last letter
const NAMES = [
  "fate", "verdict", "reviewer", "video", "tag", "text", "score", "min", "max", "rule", "sort", "desc",
];

// In the address `reviewer` is who judges now, given with the command's --reviewer.
const IN_ADDRESS = { reviewer: "reviewed_by" };

let changed;

/** Make the form work; `change()` is called once another list is wanted. */
export function startFilters(change) {
  changed = () => {
    writeAddress();
    change();
  };
  const soon = debounce(changed, WAIT);
  for (const name of NAMES) {
    const field = $(`filter-${name}`);
    const now = field.tagName === "SELECT" || field.type === "checkbox";
    field.addEventListener(now ? "change" : "input", now ? changed : soon);
  }
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters-toggle").addEventListener("click", toggleFilters);
  for (const id of ["filters-clear", "list-clear"]) $(id).addEventListener("click", clear);
  on("session", fill);
  on("counts", fillFates);
}

/** The query that the form stands for; what is empty is not in it. */
export function wantedQuery() {
  const query = {};
  for (const name of NAMES) {
    const field = $(`filter-${name}`);
    const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value.trim();
    if (value) query[name] = value;
  }
  if (!query.score) {
    delete query.min;
    delete query.max;
  }
  if (!query.sort) delete query.desc;
  const sample = sampleId();
  return sample ? { ...query, sample } : query;
}

/** The sample in the address, or null. */
export const sampleId = () => new URLSearchParams(location.search).get("sample");

/** Show a sample's clips, or all again with null. */
export function setSample(id) {
  const query = new URLSearchParams(location.search);
  if (id) query.set("sample", id);
  else query.delete("sample");
  history.replaceState(null, "", `?${query}${location.hash}`);
  changed();
}

/** Sort by a score; again turns the order around. */
export function sortBy(name) {
  const again = $("filter-sort").value === name;
  $("filter-sort").value = name;
  $("filter-desc").checked = again && !$("filter-desc").checked;
  changed();
}

/** Open the filters with the focus in them, or close them. */
export function toggleFilters() {
  $("filters").hidden = !$("filters").hidden;
  $("filters-toggle").setAttribute("aria-expanded", String(!$("filters").hidden));
  if (!$("filters").hidden) $("filter-fate").focus();
}

function clear() {
  for (const name of NAMES.filter((name) => name !== "sort" && name !== "desc")) {
    $(`filter-${name}`).value = "";
  }
  changed();
}

function writeAddress() {
  const query = new URLSearchParams(
    Object.entries(wantedQuery()).map(([name, value]) => [IN_ADDRESS[name] ?? name, value]),
  );
  history.replaceState(null, "", `?${query}${location.hash}`);
  showCount();
}

function showCount() {
  const used = Object.keys(wantedQuery()).filter((name) => !["sort", "desc", "sample"].includes(name));
  $("filters-count").textContent = used.length ? `(${used.length})` : "";
}

/** Choices that the session knows, then what the address asks for. */
function fill({ scores, rules, reviewers, videos = [] }) {
  const names = scores.map(({ name }) => [name, name]);
  fillSelect($("filter-score"), [["", "none"], ...names]);
  fillSelect($("filter-rule"), [["", "none"], ...rules.map((rule) => [rule, rule])]);
  fillSelect($("filter-sort"), [
    ["", "film and time"],
    ["duration_s", "length"],
    ["fate", "fate"],
    ["verdict", "verdict"],
    ...names,
  ]);
  fillSelect($("filter-video"), [
    ["", "all"],
    ...videos.map(({ video_id: id, name, clips }) => [id, `${name} (${format.count(clips)})`]),
  ]);
  fillChoices($("known-reviewers"), reviewers);
  fillFates(state.counts);
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) {
    const value = given.get(IN_ADDRESS[name] ?? name);
    if (!value) continue;
    const field = $(`filter-${name}`);
    if (field.type === "checkbox") field.checked = true;
    else {
      if (field.tagName === "SELECT" && ![...field.options].some((o) => o.value === value)) {
        field.append(make("option", { value }, value));
      }
      field.value = value;
    }
  }
  showCount();
}

function fillFates(counts) {
  const fates = Object.entries(counts.fates);
  fillSelect($("filter-fate"), [
    ["", "any"],
    ...fates.map(([fate, number]) => [fate, `${fate} (${format.count(number)})`]),
  ]);
}
