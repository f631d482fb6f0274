// Trying other rules: sliders for limits, the text itself, what changes, and saving to the config.

import { get, post, stripPath } from "./api.js";
import { $, debounce, fillChoices, make } from "./dom.js";
import * as format from "./format.js";
import { histogram, moveLine } from "./histogram.js";
import { limitsIn, withLimit } from "./limits.js";
import { say } from "./notices.js";
import { on, state } from "./state.js";
import { scoreInfo } from "./tip.js";

const WAIT = 40; // ms after the last move
const BINS = 40;
const STEPS = 400;
const SHOWN = 60; // clips of each kind that are listed

let rules = [];
let edited = 0; // the rule that was changed last: an error is its
let generation = 0;
let look;
let saved;
const bins = new Map();
const trySoon = debounce(tryRules, WAIT);

/** Make the panel work; `show(clip_id)` looks at a clip, `onSaved()` follows a save. */
export function startThresholds(show, onSaved) {
  look = show;
  saved = onSaved;
  $("rule-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("rule-new").value.trim();
    if (!text) return;
    rules.push(text);
    edited = rules.length - 1;
    $("rule-new").value = "";
    draw();
    trySoon();
  });
  $("rules-save").addEventListener("click", save);
  $("rules-reset").addEventListener("click", () => {
    rules = [...state.session.rules];
    draw();
    trySoon();
  });
  on("session", (session) => {
    rules = [...session.rules];
    fillChoices($("known-columns"), session.scores.map(({ name }) => name));
    const why = "Start the review with -c CONFIG.yaml to save rules to it.";
    $("rules-save").disabled = session.config === null;
    $("rules-save-why").textContent = session.config === null ? why : "";
    if (session.config !== null) $("rules-save").title = session.config;
  });
  on("decided", () => bins.clear());
}

/** Draw the rules, and what they do. */
export function openThresholds() {
  draw();
  trySoon();
}

function draw() {
  $("rules").replaceChildren(...rules.map(ruleBox));
  $("rules-reset").disabled = sameAsSaved();
}

const sameAsSaved = () =>
  rules.length === state.session.rules.length &&
  rules.every((rule, index) => rule === state.session.rules[index]);

function ruleBox(text, number) {
  const field = make("input", {
    class: "rule-text",
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": `Rule ${number + 1}`,
    "aria-describedby": `rule-error-${number}`,
  });
  field.value = text;
  const limits = make("div", { class: "limits" });
  field.addEventListener("input", () => {
    setRule(number, field.value);
    drawLimits(limits, number, field);
  });
  const remove = make(
    "button",
    { type: "button", class: "rule-remove", "aria-label": `Remove rule ${number + 1}` },
    "×",
  );
  remove.addEventListener("click", () => {
    rules.splice(number, 1);
    draw();
    trySoon();
  });
  drawLimits(limits, number, field);
  return make(
    "div",
    { class: "rule", "data-rule": number },
    make("div", { class: "rule-row" }, field, remove),
    make("p", { class: "rule-error", id: `rule-error-${number}`, hidden: true }),
    limits,
    make("p", { class: "rule-does" }),
  );
}

function setRule(number, text) {
  rules[number] = text;
  edited = number;
  $("rules-reset").disabled = sameAsSaved();
  trySoon();
}

function drawLimits(box, number, field) {
  const known = limitsIn(field.value).filter(({ score }) => scoreInfo(score)?.max != null);
  const drawn = box.dataset.scores === known.map(({ score, sign }) => score + sign).join();
  if (drawn) {
    known.forEach((limit, index) => box.children[index].setLimit(limit.value));
    return;
  }
  box.dataset.scores = known.map(({ score, sign }) => score + sign).join();
  box.replaceChildren(...known.map((_, index) => limitBox(number, index, field)));
}

function limitBox(number, index, field) {
  const { score, sign, value } = limitsIn(field.value)[index];
  const { min, max, unit } = scoreInfo(score);
  const label = `${score} ${sign}`;
  const named = { "data-limit": index, "aria-label": label };
  const slider = make("input", { type: "range", ...named });
  const exact = make("input", { type: "number", step: "any", ...named });
  const picture = make("div", { class: "picture" });
  let range;
  const box = make(
    "div",
    { class: "limit-box" },
    make(
      "p",
      { class: "limit-head" },
      make("span", { "data-about": score, tabindex: "0", class: "score-name" }, score),
      make("span", {}, sign),
      exact,
      make("span", {}, format.unit(unit)),
    ),
    picture,
    slider,
  );
  box.setLimit = (limit) => {
    slider.value = limit;
    if (document.activeElement !== exact) exact.value = limit;
    slider.setAttribute("aria-valuetext", `${label} ${limit}${format.unit(unit)}`);
    if (picture.firstElementChild) moveLine(picture.firstElementChild, range, limit);
  };
  const reach = (from, to, limit) => {
    range = [Math.min(from, limit), Math.max(to, limit)];
    Object.assign(slider, { min: range[0], max: range[1], step: step(...range) });
    box.setLimit(limit);
  };
  const change = (limit) => {
    if (!Number.isFinite(limit)) return;
    field.value = withLimit(field.value, limitsIn(field.value)[index], limit);
    setRule(number, field.value);
    box.setLimit(limit);
  };
  slider.addEventListener("input", () => change(Number(Number(slider.value).toPrecision(4))));
  exact.addEventListener("input", () => exact.value !== "" && change(exact.valueAsNumber));
  reach(min, max, value);
  binsOf(score).then(
    (found) => {
      if (!found.edges.length) return;
      reach(found.edges[0], found.edges.at(-1), limitsIn(field.value)[index]?.value ?? value);
      picture.replaceChildren(histogram(found, range, score));
      box.setLimit(Number(exact.value));
    },
    (error) => picture.replaceChildren(error.message),
  );
  return box;
}

/** A step that is a round number: a 400th of the range at most, 1, 2 or 5 times a power. */
function step(low, high) {
  const rough = (high - low) / STEPS || 0.01;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([5, 2, 1].find((factor) => factor * power <= rough) ?? 1);
}

/** The bins of a score, asked for once. */
function binsOf(score) {
  if (!bins.has(score)) {
    const asked = get("/api/histogram", { score, bins: BINS });
    asked.catch(() => bins.delete(score));
    bins.set(score, asked);
  }
  return bins.get(score);
}

async function tryRules() {
  const own = ++generation;
  let answer;
  try {
    answer = await post("/api/rules/try", { rules: rules.filter((rule) => rule.trim()) });
  } catch (error) {
    if (own === generation) showError(error.message);
    return;
  }
  if (own !== generation) return;
  showError("");
  const { kept, added, removed } = answer.seconds;
  showSum("try-kept", answer.kept, kept);
  showSum("try-added", answer.n_added, added);
  showSum("try-removed", answer.n_removed, removed);
  $("try-unmeasured").textContent = answer.unmeasured
    ? `${format.count(answer.unmeasured)} not measured`
    : "";
  showEach(answer.by_rule);
  $("changed").hidden = !answer.n_added && !answer.n_removed;
  showChanged("changed-added", answer.added, answer.n_added);
  showChanged("changed-removed", answer.removed, answer.n_removed);
}

function showSum(id, number, seconds) {
  $(id).textContent = format.count(number);
  $(id).nextElementSibling.textContent = number ? format.length(seconds) : "";
}

function showError(text) {
  for (const box of $("rules").children) {
    const error = box.querySelector(".rule-error");
    const own = text !== "" && Number(box.dataset.rule) === edited;
    error.hidden = !own;
    error.textContent = own ? text : "";
    box.querySelector(".rule-text").setAttribute("aria-invalid", String(own));
  }
  $("rules-save").disabled = state.session.config === null || text !== "";
}

function showEach(outcomes) {
  const filled = [...$("rules").children].filter((_, number) => rules[number].trim());
  filled.forEach((box, index) => {
    const { removes, only_it: only } = outcomes[index];
    box.querySelector(".rule-does").textContent = removes
      ? `rejects ${format.clips(removes)}, ${format.count(only)} that no other rule does`
      : "rejects no clip";
  });
}

function showChanged(id, ids, all) {
  $(id).previousElementSibling.hidden = $(id).hidden = all === 0;
  const shown = ids.slice(0, SHOWN);
  const buttons = shown.map((clip) =>
    make(
      "button",
      { type: "button", "data-clip": clip, "aria-label": `Look at ${clip}`, onclick: () => look(clip) },
      make("img", { src: stripPath(clip), alt: "", loading: "lazy" }),
    ),
  );
  const more = all > shown.length ? [make("p", { class: "quiet" }, `and ${format.count(all - shown.length)} more`)] : [];
  $(id).replaceChildren(...buttons, ...more);
}

async function save() {
  const wanted = rules.filter((rule) => rule.trim());
  try {
    const { file, command } = await post("/api/rules/save", { rules: wanted });
    $("rules-saved").replaceChildren(
      make("p", {}, "Saved to ", make("bdi", {}, file), ". This applies it:"),
      make("code", {}, command),
    );
    $("rules-saved").hidden = false;
    say("Rules saved.");
    bins.clear();
    await saved();
    openThresholds();
  } catch (error) {
    showError(error.message);
  }
}
