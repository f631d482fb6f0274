// Clusters of copies: the clip that stays, and beside it the others, with what they are to it.
"use strict";

(() => {
  const { make } = report;
  const place = document.getElementById("duplicates-list");
  if (!place) return;

  function card(clip) {
    const link = clips.source(clip.address, clip.start, clip.end, "play", `Play the clip at ${clips.clock(clip.start)} in its source`);
    return make("figure", { class: `clip-card ${clip.keep ? "kept stays" : "rejected"}` },
      clips.picture(clip.id, `Frames of the clip at ${clips.clock(clip.start)} of ${clip.video ?? "a video that is gone"}`),
      make("figcaption", {},
        make("span", { class: clip.keep ? "badge strong" : "badge" }, clip.keep ? "stays" : "copy"), " ",
        clip.what, clip.what ? make("br") : "",
        clip.similarity === null ? "" : `similarity ${clip.similarity} · `,
        make("span", { class: "when" }, clips.span(clip.start, clip.end)),
        ...(link ? [" · ", link] : []),
        make("br"), make("bdi", {}, clip.video ?? "a video that is gone")));
  }

  function show(cluster) {
    const hidden = cluster.size - cluster.clips.length;
    return make("div", { class: "cluster" },
      make("h3", {}, `${cluster.size} clips that show the same`),
      make("div", { class: "clip-cards" }, ...cluster.clips.map(card)),
      hidden > 0 ? make("p", { class: "note" }, `and ${hidden.toLocaleString("en")} more`) : null);
  }

  const kinds = ["exact", "near", "partial"];
  const is = (kind) => (clip) => clip.what.startsWith(kind === "exact" ? "same frames" : kind);

  document.addEventListener("DOMContentLoaded", () => report.onShown(place, () => {
    const items = report.data("duplicates", "clusters");
    pages.pager(place, {
      items, show, noun: "cluster",
      text: (cluster) => cluster.clips.map((clip) => `${clip.video} ${clip.id}`).join(" "),
      orders: [
        { name: "size, largest first" },
        { name: "similarity, lowest first", key: (cluster) => Math.min(...cluster.clips.map((clip) => clip.similarity ?? 1)) },
      ],
      filters: [{
        label: "With",
        choices: [
          { name: "any copy" },
          ...kinds.map((kind) => ({ name: `${kind} copies`, test: (cluster) => cluster.clips.some(is(kind)) })),
          { name: "mirrored copies", test: (cluster) => cluster.clips.some((clip) => clip.what.includes("mirrored")) },
        ],
      }],
    });
  }));
})();
