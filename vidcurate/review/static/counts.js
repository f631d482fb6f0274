// How many clips and hours there are, are kept and are judged, always in view.

import { $ } from "./dom.js";
import * as format from "./format.js";
import { on } from "./state.js";

const GOOD = ["kept", "captioned", "exported"];

/** Show the counts on every change. */
export function startCounts() {
  on("counts", (counts) => {
    const { clips, fates, seconds, reviewed, accepted, rejected } = counts;
    const sum = (of) => GOOD.reduce((all, fate) => all + (of[fate] ?? 0), 0);
    const shown = {
      clips,
      kept: sum(fates),
      rejected: fates.rejected ?? 0,
      reviewed,
      accepted,
      "reviewed-rejected": rejected,
    };
    for (const [name, number] of Object.entries(shown)) {
      $("counts").querySelector(`[data-count=${name}]`).textContent = format.count(number);
    }
    $("counts").querySelector("[data-count=hours]").textContent = format.length(sum(seconds));
  });
}
