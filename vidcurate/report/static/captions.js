// Captions beside their keyframes, with what the judge found marked in the words.
"use strict";

(() => {
  const { make } = report;
  const place = document.getElementById("captions-list");
  if (!place) return;

  // Text in pieces; every piece is only text, whatever stands in it.
  function marked(pieces) {
    return make("p", { class: "caption-text", dir: "auto" }, ...pieces.map(([text, finding]) =>
      finding ? make("mark", { title: finding, "data-finding": finding }, text) : document.createTextNode(text)));
  }

  function changed(changes) {
    const tags = { "+": "ins", "-": "del" };
    return make("p", { class: "caption-text", dir: "auto" }, ...changes.map(([kind, text]) =>
      kind ? make(tags[kind], {}, text) : document.createTextNode(text)));
  }

  function show(caption) {
    const when = caption.start === null ? "" : ` · ${clips.span(caption.start, caption.end)}`;
    const link = caption.start === null ? null
      : clips.source(caption.address, caption.start, caption.end, "play", `Play the clip at ${clips.clock(caption.start)} in its source`);
    const address = caption.picture ? report.picture(caption.picture) : "";
    const times = caption.times.map(clips.clock).join(", ");
    const picture = address
      ? make("img", { class: "picture", src: address, alt: `Keyframes at ${times}`, title: `Keyframes at ${times}` })
      : clips.picture(caption.id, "Frames of the clip");
    return make("article", { class: "caption" },
      make("div", { class: "caption-picture" }, picture),
      make("div", { class: "caption-body" },
        make("p", { class: "facts" }, make("bdi", {}, caption.video ?? ""), when, ...(link ? [" · ", link] : []), " ", score(caption) ?? ""),
        marked(caption.pieces),
        findings(caption), versions(caption.versions), facts(caption)));
  }

  function score(caption) {
    if (caption.score === null) return null;
    const parts = [`judge: ${caption.score}`];
    if (caption.grade != null) parts.push(`grade ${caption.grade} of 5`);
    if (caption.alignment != null) parts.push(`fits the frames by ${caption.alignment}`);
    return make("span", { class: "badge caption-score" }, parts.join(" · "));
  }

  function findings({ findings: found, explanation }) {
    if (!found.length && !explanation) return null;
    return make("ul", { class: "findings" },
      ...found.map(([kind, what, isMarked]) => make("li", { "data-finding": kind },
        make("span", { class: isMarked ? "fault" : "fault unmarked" }, kind.replaceAll("_", " ")), ` ${what}`)),
      explanation ? make("li", {}, make("span", { class: "fault unmarked" }, "the model says"), ` ${explanation}`) : null);
  }

  function versions(others) {
    if (!others.length) return null;
    const stands = others.some(({ name }) => name.endsWith("which stands"));
    return make("details", { open: stands }, make("summary", {}, `${others.length} other version${others.length === 1 ? "" : "s"}`),
      ...others.flatMap(({ name, changes }) => [make("p", { class: "version-name" }, make("bdi", {}, name)), changed(changes)]));
  }

  function facts(caption) {
    const rows = [...Object.entries(caption.facts), ["clip", caption.id]];
    return make("details", {}, make("summary", {}, `By ${caption.facts.model}`),
      clips.pairs(rows.map(([name, value]) => [name, String(value)])));
  }

  document.addEventListener("DOMContentLoaded", () => report.onShown(place, () => {
    const items = report.data("captions", "captions");
    const text = (caption) => caption.pieces.map(([part]) => part).join("");
    const kinds = [...new Set(items.flatMap((caption) => caption.findings.map(([kind]) => kind)))].sort();
    const filters = kinds.length ? [{
      label: "With",
      choices: [
        { name: "or without findings" },
        { name: "any finding", test: (caption) => caption.findings.length > 0 },
        ...kinds.map((kind) => ({ name: kind.replaceAll("_", " "), test: (caption) => caption.findings.some(([own]) => own === kind) })),
      ],
    }] : [];
    const isJudged = items.some((caption) => caption.score !== null);
    pages.pager(place, {
      items, show, filters, noun: "caption",
      text: (caption) => `${text(caption)} ${caption.video} ${caption.id}`,
      orders: [
        ...(isJudged ? [
          { name: "judge's score, lowest first", key: (caption) => caption.score },
          { name: "judge's score, highest first", key: (caption) => caption.score, down: true },
        ] : []),
        { name: "film and time", key: (caption) => `${caption.video} ${String(caption.start ?? 0).padStart(12, "0")}` },
        { name: "length, longest first", key: (caption) => text(caption).length, down: true },
        { name: "length, shortest first", key: (caption) => text(caption).length },
      ],
    });
  }));
})();
