// A random sample: how far it is judged, and what share of the clips is good, with its margin.

import { get, post } from "./api.js";
import { $, fillSelect, make } from "./dom.js";
import { sampleId, setSample } from "./filters.js";
import * as format from "./format.js";
import { fail } from "./notices.js";
import { on, state } from "./state.js";

/** Make the panel work. */
export function startSample() {
  $("sample-form").addEventListener("submit", draw);
  $("sample-leave").addEventListener("click", () => {
    setSample(null);
    showEstimate();
  });
  on("session", ({ scores }) => {
    const words = [["", "none"], ["fate", "fate"], ["video", "film"]];
    fillSelect($("sample-by"), [...words, ...scores.map(({ name }) => [name, name])]);
    showEstimate();
  });
  on("decided", showEstimate);
}

async function draw(event) {
  event.preventDefault();
  const by = $("sample-by").value;
  const wanted = { n: $("sample-n").valueAsNumber, seed: $("sample-seed").valueAsNumber || 0 };
  try {
    const { sample } = await post("/api/sample", by ? { ...wanted, by } : wanted);
    setSample(sample);
    showEstimate();
  } catch (error) {
    fail(error.message);
  }
}

/** Show how the sample in the address stands. */
export async function showEstimate() {
  const sample = sampleId();
  $("sample-state").hidden = sample === null;
  document.body.toggleAttribute("data-sample", sample !== null);
  if (sample === null) return;
  let estimate;
  try {
    estimate = await get("/api/estimate", { sample });
  } catch (error) {
    return fail(error.message);
  }
  const { n, reviewed, ahead, gone, good, share, low, high, method } = estimate;
  $("sample-progress").max = n - gone;
  $("sample-progress").value = reviewed;
  const more = ahead ? `; ${format.count(ahead)} judged ahead count when those before are judged` : "";
  $("sample-count").textContent = `${format.count(reviewed)} of ${format.clips(n - gone)}${more}`;
  const box = $("estimate");
  Object.assign(box.dataset, { share: share ?? "", low: low ?? "", high: high ?? "" });
  if (share === null || !reviewed) {
    box.replaceChildren(make("p", {}, "Judge some clips: then the share of good ones stands here."));
  } else {
    box.replaceChildren(
      make("p", { class: "share" }, format.percent(share), " good"),
      make(
        "p",
        {},
        `between ${format.percent(low)} and ${format.percent(high)} (95 %, ${method}); ` +
          `${format.count(good)} of ${format.count(reviewed)} judged are accepted`,
      ),
      interval(low, high, share),
    );
  }
  showStrata(estimate.by_stratum ?? []);
}

function interval(low, high, share) {
  const bar = make("div", { class: "interval", "aria-hidden": "true" }, make("i"), make("b"));
  bar.firstChild.style.left = `${100 * low}%`;
  bar.firstChild.style.width = `${100 * (high - low)}%`;
  bar.lastChild.style.left = `${100 * share}%`;
  return bar;
}

function showStrata(strata) {
  $("strata").hidden = strata.length < 2;
  $("strata").tBodies[0].replaceChildren(
    ...strata.map(({ stratum, n, reviewed, good, share }) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, make("bdi", {}, String(stratum))),
        make("td", {}, `${format.count(reviewed)} of ${format.count(n)}`),
        make("td", {}, format.count(good)),
        make("td", {}, share === null || share === undefined ? "–" : format.percent(share)),
      ),
    ),
  );
}
