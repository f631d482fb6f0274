// Moving a clip's start and end by frames: tried in the player first, decided when applied.

import { clipPath, get } from "./api.js";
import { $, make } from "./dom.js";
import * as format from "./format.js";
import { frameLength, loopSpan } from "./player.js";
import { isShown, on, state } from "./state.js";

const ASKED = 41; // frames around an edge: moves up to 20 frames show exact times and pictures
const SHOWN = 9;
const MOVES = [-10, -1, 1, 10];

let moved = { start: 0, end: 0 };
let frames = { start: null, end: null };
let onApply;
let held = false;

/** Draw the controls; `apply()` decides what is pending. */
export function startEdges(apply) {
  onApply = apply;
  for (const edge of ["start", "end"]) {
    const buttons = MOVES.map((by) =>
      make(
        "button",
        {
          type: "button",
          "data-move": by,
          "aria-label": `${edge} ${Math.abs(by)} ${by < 0 ? "earlier" : "later"}`,
          onclick: () => move(edge, by),
        },
        by < 0 ? `−${-by}` : `+${by}`,
      ),
    );
    $(`edge-${edge}`).append(
      make("h3", {}, edge === "start" ? "Start" : "End"),
      make("div", { class: "moves" }, ...buttons),
      make("div", { class: "frames" }),
    );
  }
  $("edges").addEventListener("toggle", () => $("edges").open && loadFrames());
  $("edges-apply").addEventListener("click", () => onApply());
  $("edges-drop").addEventListener("click", dropMoves);
  on("clip", reset);
}

/** Frames that the edges are moved by and not yet decided, or null. */
export const pendingMoves = () => (moved.start || moved.end ? { ...moved } : null);

/** While moves are being applied, no others are taken. */
export function holdEdges(isHeld) {
  held = isHeld;
}

/** Move an edge by whole frames, and loop what comes of it. */
export function move(edge, by) {
  if (!isShown() || held) return;
  const before = moved[edge];
  moved[edge] += by;
  const [start, end] = spanTried();
  if (start < 0 || end - start < frameLength()) {
    moved[edge] = before;
    return;
  }
  $("edges").open = true;
  loadFrames();
  const near = Math.max(start, end - 1.5);
  loopSpan(start, end, edge === "end" ? near : start);
  draw();
}

/** Back to the edges that the clip has. */
export function dropMoves() {
  if (!pendingMoves()) return false;
  moved = { start: 0, end: 0 };
  loopSpan(state.clip.start_s, state.clip.end_s);
  draw();
  return true;
}

/** Open or close the controls. */
export const toggleEdges = () => ($("edges").open = !$("edges").open);

function reset() {
  moved = { start: 0, end: 0 };
  frames = { start: null, end: null };
  if ($("edges").open) loadFrames();
  draw();
}

function spanTried() {
  const { start_s: start, end_s: end } = state.clip;
  return [timeAt("start", moved.start) ?? start, timeAt("end", moved.end) ?? end];
}

/** The time of the frame `by` frames after an edge; estimated where the frame is not known. */
function timeAt(edge, by) {
  const own = state.clip[`${edge}_s`];
  if (!by) return own;
  const known = frames[edge]?.list?.[frames[edge].at + by];
  return known ? known.time_s : own + by * frameLength();
}

async function loadFrames() {
  const { clip } = state;
  for (const edge of ["start", "end"]) {
    if (!clip || frames[edge]) continue;
    const asked = (frames[edge] = { list: null, at: 0, fault: null });
    try {
      const path = clipPath(clip.clip_id, "/frames");
      const list = await get(path, { around: edge, count: ASKED });
      const at = list.findIndex((frame) => frame.pts >= clip[`${edge}_pts`]);
      Object.assign(asked, { list, at: at < 0 ? list.length : at });
    } catch (error) {
      asked.fault = error.message;
    }
    if (state.clip === clip) draw();
  }
}

function draw() {
  for (const edge of ["start", "end"]) drawEdge(edge);
  const pending = pendingMoves();
  $("edges").toggleAttribute("data-pending", pending !== null);
  $("edges-apply").disabled = $("edges-drop").disabled = pending === null;
  $("edges-pending").textContent = pending ? described(pending) : "Nothing moved.";
}

function described({ start, end }) {
  const parts = [];
  if (start) parts.push(`start ${words(start)}`);
  if (end) parts.push(`end ${words(end)}`);
  const [from, to] = spanTried();
  return `${parts.join(", ")}: ${format.time(from)} to ${format.time(to)}`;
}

const words = (by) =>
  `${Math.abs(by)} frame${Math.abs(by) === 1 ? "" : "s"} ${by < 0 ? "earlier" : "later"}`;

function drawEdge(edge) {
  const box = $(`edge-${edge}`).querySelector(".frames");
  const { list, at, fault } = frames[edge] ?? {};
  if (!list) {
    box.replaceChildren(make("p", { class: "quiet" }, fault ?? "Frames are read from the film …"));
    return;
  }
  // `first` is the first frame in the clip, or the first one after it.
  const first = at + moved[edge];
  const from = Math.max(0, Math.min(first - (SHOWN >> 1), list.length - SHOWN));
  box.replaceChildren(
    ...list.slice(from, from + SHOWN).map((frame, index) => {
      const place = from + index;
      const inside = edge === "start" ? place >= first : place < first;
      const chosen = place === (edge === "start" ? first : first - 1);
      const by = place - first + (edge === "start" ? 0 : 1);
      return make(
        "button",
        {
          type: "button",
          class: `${inside ? "inside" : "outside"}${chosen ? " chosen" : ""}`,
          "data-frame": place - at,
          "aria-label": `${edge === "start" ? "first" : "last"} frame at ${format.time(frame.time_s, 3)}`,
          "aria-pressed": String(chosen),
          title: format.time(frame.time_s, 3),
          onclick: () => by && move(edge, by),
        },
        make("img", { src: frame.url, alt: "", decoding: "async" }),
      );
    }),
  );
}
