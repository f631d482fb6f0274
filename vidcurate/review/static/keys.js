// Every key, what it does, and the help that says so. Keys belong to a field while one types in it.

import { $, isTyping, make } from "./dom.js";

let bound = new Map();

/**
 * Bind groups of keys: {title: [[keys, words, work], …]}, each key as `event.key` gives it, with
 * "Alt+" before where Alt is held. Where `work(key)` returns false, the browser has the key.
 */
export function startKeys(groups) {
  bound = new Map();
  for (const entries of Object.values(groups)) {
    for (const [keys, , work] of entries) for (const key of keys) bound.set(key, work);
  }
  document.addEventListener("keydown", onKey);
  $("help-open").addEventListener("click", showHelp);
  $("help-keys").replaceChildren(...Object.entries(groups).map(helpGroup));
}

/** Show all keys. */
export function showHelp() {
  if (!$("help").open) $("help").showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) {
    if (event.key === "?" && $("help").open) $("help").close();
    return;
  }
  if (isTyping(event.target)) return;
  const alone = event.key === " " || event.key === "Enter";
  if (alone && event.target.closest("button, summary, a, input")) return; // they act on it
  if (event.target.closest("input[type=range]") && event.key.startsWith("Arrow")) return;
  const key = keyName(event);
  const work = bound.get(key);
  if (!work || work(key) === false) return;
  event.preventDefault();
}

/** Alt changes the letter on some keyboards, so brackets are then known by their place. */
function keyName(event) {
  if (!event.altKey) return event.key;
  const place = { BracketLeft: ["[", "{"], BracketRight: ["]", "}"] }[event.code];
  if (event.key.length === 1 && "[]{}".includes(event.key) && event.getModifierState("AltGraph")) {
    return event.key;
  }
  return `Alt+${place ? place[Number(event.shiftKey)] : event.key}`;
}

const NAMES = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

function helpGroup([title, entries]) {
  const rows = entries.map(([keys, words]) => {
    const alt = keys.every((key) => key.startsWith("Alt+"));
    const shown = alt ? [`Alt+ ${keys.map((key) => key.slice(4)).join(" ")}`] : keys;
    return make(
      "tr",
      {},
      make("td", {}, ...shown.flatMap((key) => [make("kbd", {}, NAMES[key] ?? key), " "])),
      make("td", {}, words),
    );
  });
  return make("section", {}, make("h3", {}, title), make("table", {}, make("tbody", {}, ...rows)));
}
