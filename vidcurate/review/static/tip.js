// What a score is, shown while the pointer or the focus is on its name.

import { $, make } from "./dom.js";

let about = new Map();

/** Know the columns of a session: description, unit, formula and source by name. */
export function learn(scores) {
  about = new Map(scores.map((score) => [score.name, score]));
}

/** What is known of a score. */
export const scoreInfo = (name) => about.get(name);

/** Show tips for all elements with `data-about=SCORE`, now and later. */
export function startTips() {
  document.addEventListener("mouseover", (event) => show(event.target));
  document.addEventListener("focusin", (event) => show(event.target));
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
}

/** Hide the tip; returns whether one was shown. */
export function hide() {
  const shown = !$("tip").hidden;
  $("tip").hidden = true;
  return shown;
}

function show(target) {
  const named = target.closest?.("[data-about]");
  const score = named && about.get(named.dataset.about);
  if (!score) return target.closest?.("#tip") ? undefined : hide();
  const { name, description, unit, formula, source } = score;
  const facts = [
    ["Unit", unit === "1" ? "share or ratio" : unit],
    ["Formula", formula],
    ["Source", source],
  ].filter(([, text]) => text);
  $("tip").replaceChildren(
    make("strong", {}, name),
    make("p", {}, description ?? ""),
    ...facts.map(([label, text]) => make("p", {}, make("b", {}, `${label}: `), text)),
  );
  $("tip").hidden = false;
  named.setAttribute("aria-describedby", "tip");
  const at = named.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = $("tip");
  const below = at.bottom + 6 + height < innerHeight;
  $("tip").style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  $("tip").style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`;
}
