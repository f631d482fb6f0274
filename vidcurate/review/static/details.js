// Everything about clips, asked for once and ahead of need.

import { clipPath, get } from "./api.js";

const KEPT = 60;
const known = new Map();

/** All of a clip, from memory where it was asked for before. */
export function detail(id) {
  if (!known.has(id)) {
    const asked = get(clipPath(id));
    asked.catch(() => known.delete(id));
    known.set(id, asked);
    if (known.size > KEPT) known.delete(known.keys().next().value);
  }
  return known.get(id);
}

/** Forget clips, whose facts have changed. */
export const forget = (ids) => ids.forEach((id) => known.delete(id));

/** Forget all, as after other rules. */
export const forgetAll = () => known.clear();
