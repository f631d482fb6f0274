// Plays a clip in a loop from its span of the source. Two video elements take turns: one plays,
// the other loads the next clip. What the browser cannot play comes as a preview, else as strip.

import { reason, stripPath } from "./api.js";
import { $ } from "./dom.js";
import * as format from "./format.js";
import { on } from "./state.js";

const INTO_FRAME = 0.001; // seconds past a frame's time, so that rounding does not show the one before

let current; // {video, clip, shows: source|preview|strip, shift: element time − source time, note}
let other;
let span = null; // [start_s, end_s] that loops: the clip's, or one that is tried
let frameStep = 0; // seconds from frame to frame: the clip's mean, since rates can vary
let frameTime = 0; // source time of the frame on screen
let stoppedByHand = false;

/** Whether nothing should move by itself. */
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Make the elements work. */
export function startPlayer() {
  [current, other] = [...$("player").querySelectorAll("video")].map((video) => {
    const slot = { video, clip: null, shows: "source", shift: 0, note: "" };
    video.addEventListener("loadedmetadata", () => ready(slot));
    video.addEventListener("error", () => fallBack(slot));
    video.addEventListener("play", showState);
    video.addEventListener("pause", showState);
    video.addEventListener("ended", () => slot === current && jump(span[0], true));
    video.addEventListener("click", togglePlay);
    watchFrames(slot);
    return slot;
  });
  $("play").addEventListener("click", togglePlay);
  $("mute").addEventListener("click", toggleSound);
  $("frame-back").addEventListener("click", () => step(-1));
  $("frame-on").addEventListener("click", () => step(1));
  $("seek").addEventListener("input", () => {
    current.video.pause();
    jump(span[0] + Number($("seek").value) * (span[1] - span[0]));
  });
  on("clip", show);
}

/** Source time in seconds of the frame on screen; null where no video is shown. */
export const timeShown = () => (current.shows === "strip" ? null : frameTime);

/** Seconds from one frame to the next, on average over the clip. */
export const frameLength = () => frameStep;

/** Loop another span of the source: one that is tried. */
export function loopSpan(start, end, from = start) {
  span = [start, end];
  if (current.shows === "strip") return;
  jump(from);
  if (!stoppedByHand && !still()) start_();
}

/** Load the clip that comes next, so that it shows at once. */
export function preload(clip) {
  if (clip && clip.clip_id !== current.clip?.clip_id && clip.clip_id !== other.clip?.clip_id) {
    load(other, clip);
  }
}

/** Play or pause. */
export function togglePlay() {
  stoppedByHand = !current.video.paused;
  if (stoppedByHand) current.video.pause();
  else start_();
}

/** Sound on or off. */
export function toggleSound() {
  const muted = !current.video.muted;
  current.video.muted = muted;
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Muted" : "Sound";
}

/** Pause and move by whole frames. */
export function step(frames) {
  stoppedByHand = true;
  current.video.pause();
  const wanted = frameTime + (frames + 0.5) * frameStep;
  jump(Math.min(Math.max(wanted, span[0]), span[1] - frameStep / 2));
}

function show(clip) {
  frameStep = (clip.end_s - clip.start_s) / clip.n_frames;
  if (current.clip?.clip_id === clip.clip_id) {
    span = [clip.start_s, clip.end_s];
    current.clip = clip;
    return;
  }
  const muted = current.video.muted;
  current.video.pause();
  if (other.clip?.clip_id === clip.clip_id) [current, other] = [other, current];
  else load(current, clip);
  span = [clip.start_s, clip.end_s];
  stoppedByHand = false;
  frameTime = clip.start_s;
  other.video.pause();
  other.video.muted = true;
  current.video.muted = muted;
  for (const slot of [current, other]) {
    slot.video.classList.toggle("current", slot === current);
    slot.video.toggleAttribute("aria-hidden", false);
    if (slot === other) slot.video.setAttribute("aria-hidden", "true");
  }
  showSlot();
  if (current.shows !== "strip" && current.video.readyState >= 1) ready(current);
}

function load(slot, clip) {
  slot.clip = clip;
  slot.note = "";
  slot.video.poster = clip.keyframes[0]?.url ?? "";
  const { url, type, offset_s: shift, start_s: start, end_s: end, preview } = clip.media;
  if (url === preview.url) return loadPreview(slot, "cannot play the source");
  if (!slot.video.canPlayType(type)) return loadPreview(slot, `plays no ${type}`);
  slot.shows = "source";
  slot.shift = shift;
  slot.video.src = `${url}#t=${start.toFixed(6)},${end.toFixed(6)}`;
}

function loadPreview(slot, why) {
  slot.shows = "preview";
  const { url, offset_s: shift } = slot.clip.media.preview;
  slot.shift = shift;
  slot.note = `A small copy plays: this browser ${why}.`;
  slot.video.src = url;
  if (slot === current) showSlot();
}

/** After a fault: the preview in place of the source, the strip in place of the preview. */
async function fallBack(slot) {
  const { clip } = slot;
  if (!clip || slot.shows === "strip") return;
  if (slot.shows === "source") return loadPreview(slot, "cannot play the source");
  slot.shows = "strip";
  slot.note = "The strip stands in for the clip.";
  slot.video.removeAttribute("src");
  if (slot === current) showSlot();
  const why = await whyNot(clip.media.preview.url);
  if (slot.clip !== clip) return;
  slot.note = `The strip stands in for the clip: ${why}.`;
  if (slot === current) showSlot();
}

async function whyNot(path) {
  try {
    const answer = await fetch(path, { headers: { Range: "bytes=0-0" } });
    return answer.ok ? "this browser cannot play its preview" : await reason(answer);
  } catch {
    return "the review server does not answer";
  }
}

/** Once times are known: go to the span's start, and play where the slot is on screen. */
function ready(slot) {
  if (slot.video.videoWidth === 0) return fallBack(slot); // it plays the sound alone
  slot.video.currentTime = slot.clip.start_s + slot.shift + INTO_FRAME;
  if (slot === current && !still() && !stoppedByHand) start_();
}

function showSlot() {
  const strip = $("player-strip");
  $("player").dataset.shows = current.shows;
  strip.hidden = current.shows !== "strip";
  if (!strip.hidden) strip.src = `${stripPath(current.clip.clip_id)}?height=200`;
  $("player-note").hidden = !current.note;
  $("player-note").textContent = current.note;
  for (const id of ["play", "frame-back", "frame-on", "seek", "mute", "split"]) {
    $(id).disabled = current.shows === "strip";
  }
  showState();
  showTime();
}

function start_() {
  const { video } = current;
  video.play().catch((error) => {
    // Another clip came before this one began, or the browser wants a click first.
    if (error.name === "NotAllowedError") showState();
  });
}

function jump(seconds, play = false) {
  current.video.currentTime = Math.max(0, seconds + current.shift + INTO_FRAME);
  if (play && !stoppedByHand) start_();
}

/** Follow the frames that the browser presents, with their exact times where it tells them. */
function watchFrames(slot) {
  const { video } = slot;
  if (video.requestVideoFrameCallback) {
    const next = (_, frame) => {
      if (slot === current && slot.clip) onFrame(frame.mediaTime - slot.shift);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  } else {
    const next = () => {
      if (slot === current && slot.clip) onFrame(video.currentTime - slot.shift);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }
}

function onFrame(seconds) {
  if (seconds < span[0] - 1 || seconds > span[1] + 1) return; // before the first seek is done
  frameTime = seconds;
  // The last frame stays on screen until the seek is done.
  if (!current.video.paused && seconds + 0.75 * frameStep >= span[1]) jump(span[0]);
  showTime();
}

function showTime() {
  const length = span[1] - span[0];
  const done = Math.min(Math.max(frameTime - span[0], 0), length);
  $("clock-film").textContent = format.time(frameTime);
  $("clock-clip").textContent = `${done.toFixed(2)} of ${length.toFixed(2)} s`;
  $("seek").value = done / length;
  $("seek").setAttribute("aria-valuetext", `${done.toFixed(1)} of ${length.toFixed(1)} s`);
}

function showState() {
  $("play").textContent = current.video.paused ? "Play" : "Pause";
}
