// The review page: starts its parts, and binds keys and buttons to what they do.

import { get } from "./api.js";
import { startCounts } from "./counts.js";
import { applyMoves, judge, merge, split, startDecisions, undo } from "./decide.js";
import { forgetAll } from "./details.js";
import { $ } from "./dom.js";
import { dropMoves, move, pendingMoves, startEdges, toggleEdges } from "./edges.js";
import { startFacts } from "./facts.js";
import { sortBy, startFilters, toggleFilters } from "./filters.js";
import { askReason, leaveReason, restoreCaption, saveCaption, startJudging } from "./judging.js";
import { showHelp, startKeys } from "./keys.js";
import { startList } from "./list.js";
import { choose, keepCaption, next, previous, reload, show } from "./navigation.js";
import { closeFailure, fail, startNotices } from "./notices.js";
import { startPlayer, step, togglePlay, toggleSound } from "./player.js";
import { startReviewer } from "./reviewer.js";
import { showEstimate, startSample } from "./sample.js";
import { leaveSearch, searchNeighbours, startSearch } from "./search.js";
import { setCounts, state, tell } from "./state.js";
import { openedTab, openTab, startTabs } from "./tabs.js";
import { openThresholds, startThresholds } from "./thresholds.js";
import { hide as hideTip, learn, startTips } from "./tip.js";

/** Esc in a field: out of it, with what was not saved dropped. */
function startLeaving() {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.id === "caption" && key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      saveCaption();
    }
    if (key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (hideTip() || closeFailure()) return;
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

/** A button clicked with the mouse gives the keys back: Space then plays, Enter applies. */
function startClicks() {
  document.addEventListener("click", (event) => {
    const { activeElement } = document;
    const button = event.detail > 0 && event.target.closest("button, summary");
    if (button && button === activeElement && !button.closest("dialog")) activeElement.blur();
  });
}

/** Take what the server knows by now; with other rules, fates and counts are others. */
async function takeSession() {
  state.session = await get("/api/session");
  learn(state.session.scores);
  setCounts(state.session.counts);
  tell("session", state.session);
}

async function rulesSaved() {
  forgetAll();
  try {
    await takeSession();
  } catch (error) {
    fail(error.message);
    return;
  }
  await reload(state.row);
  if (state.id) await show(state.id);
}

async function start() {
  startNotices();
  startClicks();
  startTips();
  startCounts();
  startList(choose);
  startPlayer();
  startEdges(applyMoves);
  startJudging();
  startFacts(sortBy);
  startFilters(() => reload());
  startThresholds((id) => show(id, -1), rulesSaved);
  startSample();
  startTabs({ thresholds: openThresholds, sample: showEstimate });
  startDecisions({ show, next, keepCaption });
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
    await takeSession();
  } catch (error) {
    fail(error.message);
    return;
  }
  startSearch(state.session);
  startReviewer();
  const wanted = state.id;
  await reload(Number(hash.get("row")) || 0);
  if (wanted && state.id === wanted) await show(wanted);
  document.body.dataset.ready = "yes";
}

start();
