// The review page: starts its parts, and moves from clip to clip.

import { get } from "./api.js";
import { applyMoves, merge, split, startDecisions, judge, undo } from "./decide.js";
import { detail } from "./details.js";
import { $ } from "./dom.js";
import { dropMoves, move, pendingMoves, startEdges, toggleEdges } from "./edges.js";
import { startFacts } from "./facts.js";
import { sortBy, startFilters, toggleFilters, wantedQuery } from "./filters.js";
import * as format from "./format.js";
import { askReason, leaveReason, restoreCaption, saveCaption, startJudging } from "./judging.js";
import { showHelp, startKeys } from "./keys.js";
import { startList } from "./list.js";
import { fail, say, startNotices } from "./notices.js";
import { preload, startPlayer, step, togglePlay, toggleSound } from "./player.js";
import { startReviewer } from "./reviewer.js";
import { fetchRow, openQuery, openSearch, placeOf, total } from "./rows.js";
import { showEstimate, startSample } from "./sample.js";
import { on, setCounts, state, tell } from "./state.js";
import { openedTab, openTab, startTabs } from "./tabs.js";
import { openThresholds, startThresholds } from "./thresholds.js";
import { hide as hideTip, learn, startTips } from "./tip.js";

const AHEAD = 2; // clips whose facts are asked for before they are needed

/** Show a clip: at a place of the list, or where it lies in it; `again` for other facts of it. */
async function show(id, place = placeOf(id), again = false) {
  const began = performance.now();
  if (state.id !== id || again) keepCaption();
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

/** A caption that was changed is saved before another clip comes. */
function keepCaption() {
  if (state.clip && $("caption").hasAttribute("data-changed")) saveCaption();
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

const next = () => go(1);
const previous = () => go(-1);

async function choose(place) {
  const row = await fetchRow(place);
  if (row) show(row.clip_id, place);
  closeList();
}

function writeHash() {
  const hash = new URLSearchParams({ clip: state.id, row: state.row });
  history.replaceState(null, "", `${location.search}#${hash}`);
}

/** The list for the filters; the clip on screen stays where it is in it, else the first comes. */
async function reload(near = 0) {
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
  else if (total() > 0) await choose(0);
  else tell("chosen");
}

async function search(wanted, words) {
  try {
    if (!(await openSearch(wanted))) return;
  } catch (error) {
    fail(error.message);
    return;
  }
  $("search-source").hidden = false;
  $("search-source").querySelector("bdi").textContent = words;
  state.row = placeOf(state.id);
  $("list").scrollTop = 0;
  tell("chosen");
  say(`${format.clips(total())}: ${words}.`);
}

function searchNeighbours() {
  const { clip } = state;
  if (!clip || $("neighbours").disabled) return fail($("neighbours").title);
  const where = `${clip.video} at ${format.time(clip.start_s, 1)}`;
  search({ like: clip.clip_id }, `like ${where}`);
}

function startSearch({ can_search: can, missing }) {
  const how = missing.map(({ command }) => command).find((command) => command.includes("embed"));
  const why = how ? `There are no vectors: ${how}` : "There is no model here that finds clips by words";
  $("search").disabled = !can.text;
  $("search").title = can.text ? "What the clip shows, in words (/)" : why;
  $("search").placeholder = can.text ? "Search in words  /" : "No word search here";
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

function leaveSearch() {
  if ($("search-source").hidden) return false;
  $("search").value = "";
  reload(state.row);
  return true;
}

function startCounts() {
  on("counts", (counts) => {
    const { clips, fates, seconds, reviewed, accepted, rejected } = counts;
    const good = ["kept", "captioned", "exported"];
    const sum = (of) => good.reduce((all, fate) => all + (of[fate] ?? 0), 0);
    const shown = {
      clips,
      kept: sum(fates),
      rejected: fates.rejected ?? 0,
      reviewed,
      accepted,
      "reviewed-rejected": rejected,
    };
    for (const [name, number] of Object.entries(shown)) {
      document.querySelector(`[data-count=${name}]`).textContent = format.count(number);
    }
    document.querySelector("[data-count=hours]").textContent = format.length(sum(seconds));
  });
}

function closeList() {
  document.body.removeAttribute("data-list");
  $("list-open").setAttribute("aria-expanded", "false");
}

/** Esc in a field: out of it, with what was not saved dropped. */
function startLeaving() {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.id === "caption" && key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      saveCaption();
    }
    if (key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (hideTip()) return;
    if (target.id === "caption") restoreCaption();
    else if (target.id === "search") {
      target.blur();
      leaveSearch();
    } else if (target.closest("#reasons")) leaveReason();
    else if (target.closest("input, textarea, select")) target.blur();
  });
}

const focus = (id) => () => {
  openTab("clip");
  $(id).focus();
};

const DOES = {
  previous,
  next,
  undo,
  accept: () => judge("accept"),
  reject: () => {
    openTab("clip");
    askReason();
    $("reasons").scrollIntoView({ block: "nearest" });
  },
};

const EDGE_KEYS = { "[": ["start", -1], "]": ["start", 1], "{": ["end", -1], "}": ["end", 1] };

function moveEdge(key) {
  const [edge, by] = EDGE_KEYS[key.at(-1)];
  move(edge, key.startsWith("Alt+") ? 10 * by : by);
}

const KEYS = {
  Clips: [
    [["j", "ArrowDown"], "next clip", () => void next()],
    [["k", "ArrowUp"], "previous clip", () => void previous()],
    [["n"], "clips that look like this one", () => void searchNeighbours()],
    [["/"], "search", () => ($("search").disabled ? fail(`${$("search").title}.`) : $("search").focus())],
    [["f"], "filters", () => void toggleFilters()],
  ],
  Player: [
    [[" "], "play or pause", () => void togglePlay()],
    [[","], "one frame back", () => void step(-1)],
    [["."], "one frame on", () => void step(1)],
    [["m"], "sound on or off", () => void toggleSound()],
  ],
  Judging: [
    [["a"], "accept", () => void DOES.accept()],
    [["r"], "reject: then a number, or words and Enter", () => void DOES.reject()],
    [["c"], "caption: Ctrl+Enter saves, Esc leaves", focus("caption")],
    [["t"], "tags: Enter adds, Esc leaves", focus("tag-input")],
    [["u"], "undo your last decision", () => void undo()],
  ],
  "Start and end": [
    [["[", "]"], "start a frame earlier, later", moveEdge],
    [["{", "}"], "end a frame earlier, later", moveEdge],
    [["Alt+[", "Alt+]", "Alt+{", "Alt+}"], "the same by ten frames", moveEdge],
    [["Enter"], "apply what was moved (going on applies it too)", () => (pendingMoves() ? void applyMoves() : false)],
    [["Escape"], "drop what was moved; leave the search", () => dropMoves() || leaveSearch()],
    [["e"], "frames around start and end", () => void toggleEdges()],
    [["s"], "split at the frame on screen", () => void split()],
    [["g"], "merge with the film's next clip", () => void merge()],
  ],
  Page: [
    [["x"], "thresholds", () => openTab(openedTab() === "thresholds" ? "clip" : "thresholds")],
    [["?"], "these keys", () => void showHelp()],
  ],
};

async function start() {
  startNotices();
  startTips();
  startCounts();
  startList(choose);
  startPlayer();
  startEdges(applyMoves);
  startJudging();
  startFacts(sortBy);
  startFilters(() => reload());
  startThresholds((id) => show(id, -1));
  startSample();
  startTabs({ thresholds: openThresholds, sample: showEstimate });
  startDecisions({ show, next });
  startKeys(KEYS);
  startLeaving();
  for (const [id, work] of Object.entries({ previous, next, split, merge, neighbours: searchNeighbours })) {
    $(id).addEventListener("click", work);
  }
  for (const button of document.querySelectorAll("#thumb [data-does]")) {
    button.addEventListener("click", DOES[button.dataset.does]);
  }
  $("list-open").addEventListener("click", () => {
    const open = document.body.toggleAttribute("data-list");
    $("list-open").setAttribute("aria-expanded", String(open));
  });

  const hash = new URLSearchParams(location.hash.slice(1));
  state.id = hash.get("clip");
  try {
    state.session = await get("/api/session");
  } catch (error) {
    fail(error.message);
    return;
  }
  learn(state.session.scores);
  setCounts(state.session.counts);
  tell("session", state.session);
  startSearch(state.session);
  startReviewer();
  const wanted = state.id;
  await reload(Number(hash.get("row")) || 0);
  if (wanted && state.id === wanted) await show(wanted);
  document.body.dataset.ready = "yes";
}

start();
