// Verdict, reasons, caption and tags of the clip on screen.

import { decideCaption, decideTags, judge, undo } from "./decide.js";
import { $, fillChoices, make } from "./dom.js";
import * as format from "./format.js";
import { fillBadge } from "./list.js";
import { on, state } from "./state.js";

const CHOICES = 9;
const GO_ON = "vidcurate.go-on";
let reasons = [];

/** Make the controls work. */
export function startJudging() {
  $("accept").addEventListener("click", () => judge("accept"));
  $("reject").addEventListener("click", () => ($("reasons").hidden ? askReason() : leaveReason()));
  $("undo").addEventListener("click", undo);
  $("reasons").addEventListener("submit", (event) => {
    event.preventDefault();
    reject($("reason").value.trim() || null);
  });
  $("reason").addEventListener("keydown", chooseByNumber);
  $("caption").addEventListener("input", showCaptionState);
  $("caption-save").addEventListener("click", saveCaption);
  $("caption-leave").addEventListener("click", restoreCaption);
  $("tag-input").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      addTag();
    }
  });
  $("tag-input").addEventListener("change", (event) => {
    if (state.session.tags.includes(event.target.value)) addTag(); // chosen from the known ones
  });
  $("go-on").checked = localStorage.getItem(GO_ON) !== "no";
  $("go-on").addEventListener("change", (event) =>
    localStorage.setItem(GO_ON, event.target.checked ? "yes" : "no"),
  );
  on("session", (session) => {
    reasons = session.reject_reasons;
    drawReasons();
    fillChoices($("known-tags"), session.tags);
  });
  on("clip", showClip);
  on("verdict", showVerdict);
}

/** Ask why the clip is rejected: a number, typed words, or Enter for no reason. */
export function askReason() {
  $("reasons").hidden = false;
  $("reject").setAttribute("aria-expanded", "true");
  $("reason").value = "";
  // On a phone the keyboard would cover the choices.
  if (!matchMedia("(pointer: coarse)").matches) $("reason").focus();
}

/** Close the question; returns whether it was open. */
export function leaveReason() {
  if ($("reasons").hidden) return false;
  $("reasons").hidden = true;
  $("reject").setAttribute("aria-expanded", "false");
  if ($("reasons").contains(document.activeElement)) document.activeElement.blur();
  return true;
}

/** Save the caption as it stands in the editor. */
export async function saveCaption() {
  const text = $("caption").value.trim();
  if (text === (state.clip.caption ?? "")) return restoreCaption();
  $("caption").blur();
  await decideCaption(text);
}

/** Put the saved caption back. */
export function restoreCaption() {
  $("caption").value = state.clip?.caption ?? "";
  $("caption").blur();
  showCaptionState();
}

function reject(reason) {
  leaveReason();
  if (reason && !reasons.includes(reason)) {
    reasons = [...reasons, reason];
    drawReasons();
  }
  judge("reject", reason);
}

function chooseByNumber(event) {
  const chosen = reasons[Number(event.key) - 1];
  if ($("reason").value || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!/^[1-9]$/.test(event.key) || !chosen) return;
  event.preventDefault();
  reject(chosen);
}

function drawReasons() {
  const choices = reasons.slice(0, CHOICES).map((reason, index) =>
    make(
      "button",
      { type: "button", "data-reason": index + 1, onclick: () => reject(reason) },
      make("kbd", {}, String(index + 1)),
      make("bdi", {}, reason),
    ),
  );
  $("reason-choices").replaceChildren(...choices);
}

async function addTag() {
  const tags = $("tag-input")
    .value.split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);
  $("tag-input").value = "";
  const all = [...new Set([...state.clip.tags, ...tags])];
  if (all.length > state.clip.tags.length) await decideTags(all);
  for (const tag of tags) if (!state.session.tags.includes(tag)) state.session.tags.push(tag);
  fillChoices($("known-tags"), state.session.tags);
}

function showClip(clip) {
  leaveReason();
  fillBadge($("fate"), { fate: clip.fate });
  $("fate-reason").textContent = whyFate(clip);
  showVerdict(clip);
  $("caption").value = clip.caption ?? "";
  $("caption").placeholder = clip.caption === null ? "No caption yet: write one" : "";
  $("caption-by").textContent = clip.caption_by_review ? "by a person" : "";
  const before = clip.caption_by_review ? clip.caption_before : null;
  $("caption-before").hidden = before === null;
  $("caption-before").querySelector("bdi").textContent = before ?? "";
  showCaptionState();
  $("tags").replaceChildren(...clip.tags.map(tagChip));
  const unused = clip.labels.filter(({ name }) => !clip.tags.includes(name));
  $("labels").replaceChildren(...unused.map(labelButton));
}

function tagChip(tag) {
  const remove = () => decideTags(state.clip.tags.filter((other) => other !== tag));
  return make(
    "li",
    { "data-tag": tag },
    make("bdi", {}, tag),
    make("button", { type: "button", "aria-label": `Remove the tag ${tag}`, onclick: remove }, "×"),
  );
}

/** The reason of a clip's fate, with the values that break its rule. */
function whyFate({ reason, scores }) {
  const broken = scores.filter(
    ({ name, limits }) => reason?.includes(name) && limits.some(({ holds }) => holds === false),
  );
  const values = broken.map(({ name, value, unit }) => {
    const number = format.value(value) + format.unit(unit);
    return broken.length > 1 ? `${name} ${number}` : number;
  });
  return values.length ? `${reason} (here ${values.join(", ")})` : (reason ?? "");
}

/** A label that a model gave: a click makes it a tag. */
function labelButton({ name, probability }) {
  const add = () => decideTags([...state.clip.tags, name]);
  const title = `A model sees it with probability ${format.value(probability)}: add it as a tag`;
  return make("button", { type: "button", title, onclick: add }, "+ ", make("bdi", {}, name));
}

function showVerdict({ verdict, verdict_reason: reason, reviewer, decided_at: when }) {
  const words = { accept: "Accepted", reject: "Rejected" }[verdict] ?? "Not reviewed yet";
  $("verdict").dataset.verdict = verdict ?? "";
  $("verdict").replaceChildren(
    make("strong", {}, words),
    ...(reason ? [": ", make("bdi", {}, reason)] : []),
    ...(verdict && reviewer ? [" by ", make("bdi", {}, reviewer)] : []),
    ...(verdict && when ? [`, ${format.moment(when)}`] : []),
  );
}

function showCaptionState() {
  const changed = $("caption").value.trim() !== (state.clip?.caption ?? "");
  $("caption").toggleAttribute("data-changed", changed);
  $("caption-save").disabled = $("caption-leave").disabled = !changed;
}
