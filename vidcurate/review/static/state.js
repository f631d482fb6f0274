// What the page knows, and who wants to hear of it.

/** `clip` is the detail on screen, `row` its number in the list (-1 where it is not in it). */
export const state = { session: null, counts: null, clip: null, row: -1, id: null };

const bus = new EventTarget();

/** Call `work(detail)` on each event of a name. */
export const on = (name, work) => bus.addEventListener(name, (event) => work(event.detail));

/** Tell all who listen. */
export const tell = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

/** Take new counts from an answer. */
export function setCounts(counts) {
  state.counts = counts;
  tell("counts", counts);
}
