// What the page knows, and who wants to hear of it.

/**
 * `id` is the clip that is wanted, `row` its place in the list (-1 where it is not in it), `clip`
 * all that is known of the clip on screen: for a moment that can be the one before.
 */
export const state = { session: null, counts: null, clip: null, row: -1, id: null };

/** Is the wanted clip on screen? Nobody has judged one that is still being fetched. */
export const isShown = () => state.clip !== null && state.clip.clip_id === state.id;

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
