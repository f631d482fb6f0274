// Everything about clips, asked for once and ahead of need.

import { clipPath, get } from "./api.js";

const KEPT = 60;
const known = new Map();
const awaited = new Set();

/** All of a clip, from memory where it was asked for before. */
export function detail(id) {
  if (!known.has(id)) {
    const asked = get(clipPath(id));
    awaited.add(asked);
    asked.catch(() => known.delete(id)).finally(() => awaited.delete(asked));
    known.set(id, asked);
    if (known.size > KEPT) known.delete(known.keys().next().value);
  }
  return known.get(id);
}

/** Wait until all that was asked for is answered. */
export const answered = () => Promise.allSettled(awaited);

/** Forget clips, whose facts have changed. */
export const forget = (ids) => ids.forEach((id) => known.delete(id));

/** Forget all, as after other rules. */
export const forgetAll = () => known.clear();
