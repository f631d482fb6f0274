// The list of clips on screen: only the rows in view are elements.

import { stripPath } from "./api.js";
import { $, make } from "./dom.js";
import * as format from "./format.js";
import { rowAt, total, want } from "./rows.js";
import { on, state } from "./state.js";

const TALLEST = 8_000_000; // pixels; browsers cut off taller elements
const AHEAD = 40; // rows loaded beyond those in view

const list = () => $("list");
let space; // as tall as all rows
let pool = [];
let rowHeight = 72;
let clientHeight = 0; // as the observer told: to ask while drawing forces a layout
let drawing = false;

/** Draw the list on every change, and call `choose(place)` on a click. */
export function startList(choose) {
  space = make("div", { role: "presentation", class: "space" });
  list().append(space);
  rowHeight = parseFloat(getComputedStyle(list()).getPropertyValue("--row")) || rowHeight;
  list().addEventListener("scroll", soon, { passive: true });
  list().addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) choose(Number(row.dataset.row));
  });
  new ResizeObserver(([{ contentRect }]) => {
    clientHeight = contentRect.height;
    soon();
  }).observe(list());
  on("rows", soon);
  on("chosen", () => {
    reveal(state.row);
    soon();
  });
}

function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

/** The first place in view, with its fraction, for a position of the scroll bar. */
function firstPlace() {
  const { scrollTop } = list();
  const tall = total() * rowHeight;
  if (tall <= TALLEST) return scrollTop / rowHeight;
  return (scrollTop / (TALLEST - clientHeight)) * (total() - clientHeight / rowHeight);
}

/** Scroll so that a place is in view, with some rows around it. */
function reveal(place) {
  if (place < 0) return;
  const visible = clientHeight / rowHeight;
  const first = firstPlace();
  const margin = Math.min(2, Math.max(0, (visible - 1) / 2));
  if (place >= first + margin && place + 1 <= first + visible - margin) return;
  const wanted =
    place < first + margin && place > first - visible
      ? place - margin
      : place > first && place < first + 2 * visible
        ? place + 1 + margin - visible
        : place - visible / 2;
  const tall = total() * rowHeight;
  list().scrollTop =
    tall <= TALLEST
      ? wanted * rowHeight
      : (wanted / (total() - visible)) * (TALLEST - clientHeight);
}

function draw() {
  const all = total();
  const { scrollTop } = list();
  space.style.height = `${Math.min(all * rowHeight, TALLEST)}px`;
  const first = firstPlace();
  const from = Math.max(0, Math.floor(first) - 3);
  const to = Math.min(all - 1, Math.ceil(first + clientHeight / rowHeight) + 3);
  const size = Math.max(0, to - from + 1);
  while (pool.length < size) pool.push(newRow());
  while (pool.length > size) pool.pop().element.remove();
  // A row keeps its element while it is in view, so that scrolling loads no picture twice.
  for (let place = from; place <= to; place++) {
    const slot = pool[place % size];
    fillRow(slot, place, rowAt(place));
    slot.element.style.transform = `translateY(${scrollTop + (place - first) * rowHeight}px)`;
  }
  want(Math.floor(first) - AHEAD, to + AHEAD);
  if (state.row >= from && state.row <= to) {
    list().setAttribute("aria-activedescendant", `row-${state.row}`);
  } else list().removeAttribute("aria-activedescendant");
  $("list-total").textContent = format.clips(all);
  $("list-empty").hidden = all > 0;
  list().hidden = all === 0;
}

function newRow() {
  const strip = make("img", { alt: "", decoding: "async", draggable: "false" });
  strip.addEventListener("error", () => strip.removeAttribute("src")); // no broken picture's sign
  const times = make("span", { class: "times" });
  const film = make("bdi", { class: "film" });
  const value = make("span", { class: "value" });
  const badge = make("span", { class: "badge" });
  const line = make("div", { class: "line", role: "presentation" }, times, film, value, badge);
  const element = make("div", { role: "option", class: "row" }, strip, line);
  space.append(element);
  return { element, strip, times, film, value, badge, row: null, place: -1 };
}

function fillRow(slot, place, row) {
  const { element } = slot;
  element.setAttribute("aria-selected", String(place === state.row));
  if (slot.place !== place) {
    slot.place = place;
    element.id = `row-${place}`;
    element.dataset.row = place;
    element.setAttribute("aria-posinset", place + 1);
  }
  element.setAttribute("aria-setsize", total());
  if (slot.row === (row ?? null)) return;
  slot.row = row ?? null;
  element.classList.toggle("empty", !row);
  if (!row) {
    element.removeAttribute("data-clip");
    slot.strip.removeAttribute("src");
    for (const part of [slot.times, slot.film, slot.value, slot.badge]) part.textContent = "";
    return;
  }
  if (element.dataset.clip !== row.clip_id) slot.strip.src = stripPath(row.clip_id);
  element.dataset.clip = row.clip_id;
  element.dataset.fate = row.fate;
  element.dataset.verdict = row.verdict ?? "";
  element.title = [row.reason, row.caption].filter(Boolean).join("\n");
  slot.times.textContent = `${format.time(row.start_s, 1)} · ${format.length(row.duration_s)}`;
  slot.film.textContent = row.video;
  const shown = row.value ?? row.score;
  slot.value.textContent = typeof shown === "number" ? format.value(shown) : "";
  fillBadge(slot.badge, row);
}

/** Show what a person decided, else what became of the clip. */
export function fillBadge(badge, { verdict, fate }) {
  badge.dataset.kind = verdict ?? fate;
  badge.textContent = { accept: "✓ accepted", reject: "✗ rejected" }[verdict] ?? fate;
}
