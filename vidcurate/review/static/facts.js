// What is known of the clip on screen: pictures, scores with their limits, rules, judge, history.

import { $, make } from "./dom.js";
import * as format from "./format.js";
import { on, state } from "./state.js";
import { scoreInfo } from "./tip.js";

const STRIP_HEIGHT = 110;
const MARKS = { yes: "✓", no: "✗", unknown: "?" };
const HOLDS = { yes: "holds", no: "does not hold", unknown: "not measured" };
const JUDGED = {
  score: "Score, of 1",
  rule_score: "Score by rules, of 1",
  grade: "Grade",
  alignment: "Likeness to the pictures",
  reasons: "Findings",
  wrong_objects: "Objects not in the pictures",
  wrong_actions: "Actions not in the pictures",
  explanation: "In words",
};

let sortBy;

/** Draw on every clip; `sort(score)` is called on a click on a score's name. */
export function startFacts(sort) {
  sortBy = sort;
  on("clip", draw);
  on("session", ({ missing }) => {
    $("missing-section").hidden = missing.length === 0;
    $("missing").replaceChildren(
      ...missing.map(({ table, command }) => make("li", {}, `${table}: `, make("code", {}, command))),
    );
  });
}

const holding = (holds) => (holds === null || holds === undefined ? "unknown" : holds ? "yes" : "no");

function draw(clip) {
  $("clip-video").textContent = clip.video;
  $("clip-video").title = clip.video_path ?? "";
  $("clip-times").textContent =
    `${format.time(clip.start_s)} to ${format.time(clip.end_s)} · ` +
    format.length(clip.end_s - clip.start_s);
  $("strip").firstElementChild.src = `${clip.strip}?height=${STRIP_HEIGHT}`;
  $("keyframes").replaceChildren(...clip.keyframes.map(keyframe));
  drawRules(clip.rules);
  drawScores(clip.scores);
  drawJudge(clip.verdict_of_judge);
  drawHistory(clip.history);
  $("merge").disabled = !clip.neighbours_in_video.next;
}

function keyframe({ url, time_s: at }) {
  const name = `Keyframe at ${format.time(at)}`;
  return make("img", { src: url, alt: name, title: name, decoding: "async" });
}

function mark(holds) {
  const kind = holding(holds);
  return make("span", { class: "mark", role: "img", "aria-label": HOLDS[kind] }, MARKS[kind]);
}

/** Broken rules first; where all hold, one line says so. */
function drawRules(rules) {
  const broken = rules.filter(({ holds }) => holds !== true);
  const held = rules.filter(({ holds }) => holds === true);
  const words = broken.length
    ? `${format.count(held.length)} of ${format.count(rules.length)} rules hold`
    : rules.length
      ? `All ${format.count(rules.length)} rules hold`
      : "There is no rule";
  $("rules-box").firstElementChild.textContent = words;
  $("rules-box").open = broken.length > 0;
  $("rules-outcome").replaceChildren(...[...broken, ...held].map(ruleItem));
}

function ruleItem({ rule, holds }) {
  return make("li", { "data-holds": holding(holds) }, mark(holds), make("code", {}, rule));
}

/** Scores with limits first, since they decide; the rest by table, drawn once it is opened. */
function drawScores(scores) {
  const open = new Set(
    [...$("scores").querySelectorAll("details[open]")].map((group) => group.dataset.table),
  );
  const limited = scores.filter((score) => score.limits.length);
  const groups = [...byTable(scores)].map(([table, members]) => {
    const group = make("details", { "data-table": table }, make("summary", {}, table));
    const fill = () => group.children.length < 2 && group.append(list(members));
    group.addEventListener("toggle", fill);
    group.open = open.has(table);
    if (group.open) fill();
    return group;
  });
  $("scores").replaceChildren(...(limited.length ? [list(limited)] : []), ...groups);
}

function byTable(scores) {
  const groups = new Map();
  for (const score of scores) {
    const table = score.name.split(".")[0];
    groups.set(table, [...(groups.get(table) ?? []), score]);
  }
  return groups;
}

const list = (scores) => make("ul", { class: "score-list" }, ...scores.map(scoreItem));

function scoreItem({ name, value, unit, limits }) {
  return make(
    "li",
    { "data-score": name },
    make(
      "button",
      {
        type: "button",
        class: "score-name",
        "data-about": name,
        "aria-label": `${name}: sort by it`,
        onclick: () => sortBy(name),
      },
      name,
    ),
    make("span", { class: "value" }, format.value(value) + (value === null ? "" : format.unit(unit))),
    place(name, value, limits),
    limits.length ? make("span", { class: "limits-of" }, ...limits.map((l) => limitMark(name, l))) : null,
  );
}

const limitMark = (name, { condition, holds }) =>
  make(
    "span",
    { class: "limit", "data-holds": holding(holds), title: condition },
    mark(holds),
    make("code", {}, condition.replace(name, "").trim()),
  );

/** Where the value and its limits lie between the smallest and the largest of all clips. */
function place(name, value, limits) {
  const { min, max } = scoreInfo(name) ?? {};
  if (typeof value !== "number" || !(max > min)) return null;
  const marks = [
    ...limits.filter((limit) => limit.value !== null).map((limit) => ["u", limit.value]),
    ["i", value],
  ];
  const meter = make("span", { class: "place", "aria-hidden": "true" });
  for (const [tag, at] of marks) {
    const line = make(tag);
    const share = Math.min(Math.max((at - min) / (max - min), 0), 1);
    line.style.insetInlineStart = `${100 * share}%`;
    meter.append(line);
  }
  return meter;
}

function drawJudge(verdict) {
  const facts = Object.entries(JUDGED)
    .map(([key, label]) => [label, verdict?.[key]])
    .filter(([, found]) => found !== null && found !== undefined && found !== "" && found.length !== 0);
  $("judge-section").hidden = facts.length === 0;
  if (facts.length && !verdict.reasons?.length) facts.push(["Findings", "none"]);
  $("judge").replaceChildren(
    ...facts.map(([label, found]) =>
      make(
        "div",
        {},
        make("dt", {}, label),
        make("dd", {}, make("bdi", {}, Array.isArray(found) ? found.join(", ") : format.value(found))),
      ),
    ),
  );
}

/** What was decided, the latest first; what was undone is struck through. */
function drawHistory(history) {
  const undone = new Set(history.map((decision) => decision.undoes));
  const events = history
    .filter(({ action }) => action !== "undo")
    .reverse()
    .map((decision) => event(decision, undone.has(decision.step)));
  $("history").replaceChildren(
    ...(events.length ? events : [make("li", { class: "quiet" }, "Nothing yet.")]),
  );
}

function event({ decided_at: when, reviewer, action, reason, text, tags, spans }, isUndone) {
  const words = {
    accept: "accepted",
    reject: "rejected",
    caption: "wrote the caption",
    tags: "set the tags",
    spans: `made ${format.clips(spans?.length ?? 0)} of it`,
  }[action];
  const more = reason ?? text ?? (tags?.length ? tags.join(", ") : null);
  return make(
    "li",
    {},
    make(
      isUndone ? "del" : "span",
      {},
      make("bdi", { class: "who" }, reviewer),
      ` ${words ?? action}`,
      ...(more ? [": ", make("bdi", {}, more)] : []),
    ),
    isUndone && make("span", { class: "quiet" }, "undone"),
    make("time", { datetime: when }, format.moment(when)),
  );
}
