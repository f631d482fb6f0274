// Decisions: shown at once, sent in the order they were made, taken back where they fail.

import { post } from "./api.js";
import { answered, forget } from "./details.js";
import { $ } from "./dom.js";
import { holdEdges, pendingMoves } from "./edges.js";
import * as format from "./format.js";
import { fail, say } from "./notices.js";
import { timeShown } from "./player.js";
import { needReviewer } from "./reviewer.js";
import { patch, replace } from "./rows.js";
import { isShown, setCounts, state, tell } from "./state.js";

let queue = Promise.resolve();
let navigate; // {show(id, place), next(), keepCaption()}

/** How to move on after a decision, and to keep a caption that is being written before one. */
export function startDecisions(moves) {
  navigate = moves;
}

/** Accept or reject the clip on screen, moved edges first, and go on. */
export async function judge(action, reason = null) {
  if (!isShown() || !(await needReviewer())) return;
  if (!(await applyMoves())) return;
  const { clip, row } = state;
  const verdict = { verdict: action, verdict_reason: reason };
  const before = patch(clip.clip_id, { verdict: action });
  const words = action === "accept" ? "Accepted" : `Rejected${reason ? `: ${reason}` : ""}`;
  say(`${words}.`);
  tell("verdict", verdict);
  const sent = send({ action, clip_id: clip.clip_id, ...(reason && { reason }) });
  if ($("go-on").checked) navigate.next();
  const answer = await sent;
  if (answer) {
    settle(answer, clip.clip_id);
    return;
  }
  patch(clip.clip_id, { verdict: before?.verdict ?? null });
  navigate.show(clip.clip_id, row);
}

/** Save a caption; returns whether it is saved. */
export async function decideCaption(text) {
  return change({ action: "caption", text }, "Caption saved.");
}

/** Save all tags that the clip has from now on; returns whether they are saved. */
export async function decideTags(tags) {
  return change({ action: "tags", tags }, "Tags saved.");
}

/** Apply moved edges, if there are any; returns whether nothing is left to apply. */
export async function applyMoves() {
  const pending = pendingMoves();
  if (!pending) return true;
  const moves = { start_frames: pending.start, end_frames: pending.end };
  holdEdges(true);
  const isApplied = await change({ action: "nudge", ...moves }, "Start and end moved.");
  holdEdges(false);
  return isApplied;
}

/** Split the clip at the frame on screen: that frame becomes the second part's first one. */
export async function split() {
  const at = timeShown();
  if (at === null) return fail("A clip is split at a frame, and no video plays here.");
  return change({ action: "split", at_s: at }, `Split at ${format.time(at)}.`);
}

/** Merge the clip with the next one of its film. */
export async function merge() {
  const next = state.clip?.neighbours_in_video.next;
  if (!next) return fail("This is the film's last clip: there is none to merge with.");
  return change({ action: "merge", with_clip_id: next }, "Merged with the next clip.");
}

/** Undo the person's last decision, and show its clip. */
export async function undo() {
  if (!(await needReviewer())) return;
  await navigate.keepCaption();
  busy(1);
  try {
    const answer = await send({}, "/api/undo");
    if (answer) await takeBack(answer);
  } finally {
    busy(-1);
  }
}

async function takeBack({ clip_id: id, removed, added, counts }) {
  forget([id, ...removed]);
  replace(removed, added);
  setCounts(counts);
  say("Undone.");
  await navigate.show(id);
  if (!isShown()) return;
  const { fate, reason, verdict, tags, caption } = state.clip;
  patch(id, { fate, reason, verdict, tags, caption });
  tell("decided");
}

async function change(decision, words) {
  const { id } = state;
  if (!isShown() || !(await needReviewer())) return false;
  if (decision.action !== "caption") await navigate.keepCaption();
  busy(1);
  try {
    const answer = await send({ clip_id: id, ...decision });
    if (!answer) return false;
    say(words);
    settle(answer, id);
    if (state.id === id) await navigate.show(answer.clip.clip_id);
    return true;
  } finally {
    busy(-1);
  }
}

/** Post after all that was posted before, and after answers about clips that this may replace.
    Null where it failed, which is shown. */
async function send(decision, path = "/api/decide") {
  const reviewer = await needReviewer();
  const turn = queue.then(answered).then(() => post(path, { reviewer, ...decision }));
  queue = turn.catch(() => null);
  busy(1);
  try {
    return await turn;
  } catch (error) {
    fail(`Not saved: ${error.message}.`);
    return null;
  } finally {
    busy(-1);
  }
}

function busy(by) {
  document.body.dataset.busy = Number(document.body.dataset.busy) + by;
}

/** Take what the server says of counts and rows. */
function settle(answer, id) {
  forget([id, answer.clip.clip_id, ...answer.removed]);
  if (answer.removed.length || answer.added.length) replace(answer.removed, answer.added);
  patch(answer.clip.clip_id, answer.clip);
  setCounts(answer.counts);
  tell("decided");
}
