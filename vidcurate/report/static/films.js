// Films as time lines: clips as long as they are, their transitions below, pictures on focus.
"use strict";

(() => {
  const { make } = report;
  const place = document.getElementById("films-list");
  if (!place) return;
  const SHEET_OPEN = 16; // A contact sheet of so many clips stands open.
  const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const ZOOMS = [1, 4, 16];
  let zoom = 1;
  let all = null;
  let sheetsOpen = false;

  // Where each film's clips and transitions begin among all.
  function begin() {
    all = report.data("films", "timelines");
    const before = (counts) => {
      let sum = 0;
      return counts.map((count) => (sum += count) - count);
    };
    all.firstClip = before(all.films.clips);
    all.firstCut = before(all.films.cuts);
    const zoomed = make("select", { onchange: (event) => setZoom(Number(event.target.value)) },
      ...ZOOMS.map((times) => make("option", { value: times }, `${times}×`)));
    const sheets = make("button", { type: "button", "aria-pressed": "false", onclick: openSheets }, "Open all contact sheets");
    const { films } = all;
    const share = (film) => (films.length[film] ? films.kept[film] / films.length[film] : null);
    pages.pager(place, {
      items: films.id.map((_, film) => film),
      noun: "film",
      text: (film) => `${films.name[film]} ${films.id[film]}`,
      orders: [
        { name: "name", key: (film) => films.name[film] },
        { name: "share kept, largest first", key: share, down: true },
        { name: "share kept, smallest first", key: share },
        { name: "length, longest first", key: (film) => films.length[film], down: true },
        { name: "clips, most first", key: (film) => films.clips[film], down: true },
      ],
      extra: [make("label", {}, "Zoom ", zoomed), sheets],
      show: showFilm,
    });
  }

  function setZoom(times) {
    zoom = times;
    place.querySelectorAll(".lanes").forEach((lanes) => { lanes.style.width = `${zoom * 100}%`; });
  }

  function openSheets(event) {
    sheetsOpen = !sheetsOpen;
    event.target.setAttribute("aria-pressed", String(sheetsOpen));
    event.target.textContent = sheetsOpen ? "Close all contact sheets" : "Open all contact sheets";
    place.querySelectorAll("details.sheet").forEach((sheet) => { sheet.open = sheetsOpen; });
  }

  // A clip with its times in seconds: on the video's clock, and on that of players.
  function clipOf(film, number) {
    const { films } = all;
    const at = all.firstClip[film] + number;
    const [start, end] = [all.clips.start[at], all.clips.end[at]];
    const [startS, endS] = [start * films.tick[film], end * films.tick[film]];
    const reason = all.clips.reason[at];
    return {
      at, number, start: startS, end: endS,
      id: `${films.id[film]}-${start}-${end}`,
      fate: all.fates[all.clips.fate[at]].name,
      reason: reason === null ? "" : all.reasons[reason],
      play: (words, label) => clips.source(films.address[film],
        startS - films.media_start[film], endS - films.media_start[film], words, label),
    };
  }

  function cutOf(film, number) {
    const at = all.firstCut[film] + number;
    const tick = all.films.tick[film];
    return {
      number, start: all.cuts.start[at] * tick, end: all.cuts.end[at] * tick,
      kind: all.kinds[all.cuts.kind[at]], detector: all.detectors[all.cuts.detector[at]],
      confidence: all.cuts.confidence[at],
    };
  }

  const numbers = (count) => Array.from({ length: count }, (_, number) => number);
  const outcome = (clip) => (clip.reason ? `${clip.fate}: ${clip.reason}` : clip.fate);

  function showFilm(film) {
    const { films } = all;
    const own = numbers(films.clips[film]).map((number) => clipOf(film, number));
    const cuts = numbers(films.cuts[film]).map((number) => cutOf(film, number));
    const origin = films.start[film] * films.tick[film];
    const end = Math.max(...own.map((clip) => clip.end), ...cuts.map((cut) => cut.end), origin);
    const length = films.length[film] ?? end - origin;
    const name = films.name[film];
    const detail = make("div", { class: "film-detail" });
    const facts = [
      films.length[film] === null ? "not measured" : clips.clock(length),
      count(own.length, "clip"), count(cuts.length, "transition"),
      length ? `${(100 * films.kept[film] / length).toFixed(1)}% of its time stays` : null,
    ].filter(Boolean).join(" · ");
    const article = make("article", { class: "film", "data-film": films.id[film] },
      make("h3", {}, make("bdi", {}, name)),
      make("p", { class: "facts" }, facts, ...open(film)),
    );
    if (!own.length && !cuts.length) return article;
    const lanes = make("div", { class: "lanes" });
    lanes.style.width = `${zoom * 100}%`;
    const spot = { origin, length, detail };
    if (own.length) lanes.append(lane(`Clips of ${name}`, "clips-lane", own, spot, bar, (clip) => clipDetail(film, clip, own.length)));
    if (cuts.length) lanes.append(lane(`Transitions of ${name}`, "cuts-lane", cuts, spot, mark, (cut) => cutDetail(cut, cuts.length)));
    lanes.append(axis(length, origin));
    article.append(make("div", { class: "lanes-scroll" }, lanes), detail);
    if (own.length) article.append(sheet(own));
    return article;
  }

  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  function open(film) {
    const address = all.films.address[film];
    return address ? [" · ", make("a", { href: address, target: "_blank", rel: "noreferrer" }, "open the file")] : [];
  }

  // One line of spans. It is one stop of the Tab key; arrow keys go from span to span.
  let lanesMade = 0;

  function lane(label, kind, items, { origin, length, detail }, build, tell) {
    const prefix = `lane-${(lanesMade += 1)}`;
    const line = make("div", {
      class: `lane ${kind}`, role: "listbox", tabindex: "0", "aria-label": label, "aria-orientation": "horizontal",
    });
    const spans = items.map((item, number) => {
      const span = build(item);
      span.id = `${prefix}-${number}`;
      span.setAttribute("role", "option");
      span.setAttribute("aria-selected", "false");
      span.style.left = `${Math.max(0, (100 * (item.start - origin)) / length)}%`;
      span.style.width = `${(100 * (item.end - item.start)) / length}%`;
      span.dataset.number = number;
      return span;
    });
    line.append(...spans);
    let active = -1;

    function go(number) {
      if (active >= 0) spans[active].setAttribute("aria-selected", "false");
      active = Math.min(Math.max(number, 0), spans.length - 1);
      spans[active].setAttribute("aria-selected", "true");
      line.setAttribute("aria-activedescendant", spans[active].id);
      spans[active].scrollIntoView({ block: "nearest", inline: "nearest" });
      detail.replaceChildren(...tell(items[active]));
    }

    const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    line.addEventListener("keydown", (event) => {
      if (event.key in STEPS) go(active + STEPS[event.key]);
      else if (event.key === "Home") go(0);
      else if (event.key === "End") go(spans.length - 1);
      else if (event.key === "Enter" && active >= 0) {
        const link = detail.querySelector("a");
        if (link) link.click();
      } else return;
      event.preventDefault();
    });
    line.addEventListener("focus", () => { if (line.matches(":focus-visible")) go(Math.max(active, 0)); });
    line.addEventListener("pointerover", (event) => {
      const number = event.target.dataset.number;
      if (number !== undefined) go(Number(number));
    });
    line.addEventListener("click", (event) => {
      const number = event.target.dataset.number;
      if (number !== undefined) go(Number(number));
    });
    return line;
  }

  const bar = (clip) =>
    make("div", { class: `bar-clip ${clip.fate.replace(" ", "-")}`, "aria-label": `${clips.span(clip.start, clip.end)}, ${outcome(clip)}` });

  function mark(cut) {
    const isGradual = cut.kind !== "cut" && cut.kind !== "fixed";
    const drawn = make("div", {
      class: `bar-cut ${isGradual ? "gradual" : cut.kind}`,
      "aria-label": `${cut.kind} at ${clips.clock(cut.start)}, confidence ${cut.confidence}`,
    });
    drawn.style.setProperty("--sure", `${Math.round(30 + 70 * cut.confidence)}%`);
    return drawn;
  }

  // Times below the lines, about one every twelfth of the width.
  function axis(length, origin) {
    const step = TICKS.find((seconds) => length / seconds <= 12) ?? Math.ceil(length / 12 / 3600) * 3600;
    const line = make("div", { class: "axis", "aria-hidden": "true" });
    for (let at = 0; at <= length; at += step) {
      const tick = make("span", {}, clips.clock(at + origin).replace(/\.0$/, ""));
      tick.style.left = `${(100 * at) / length}%`;
      line.append(tick);
    }
    return line;
  }

  function clipDetail(film, clip, total) {
    return [
      clips.picture(clip.id, `Frames of the clip at ${clips.clock(clip.start)}`),
      make("div", { class: "told" },
        make("p", {}, clips.fate(clip.fate), clip.reason ? make("span", {}, `: ${clip.reason}`) : "",
          ` · clip ${clip.number + 1} of ${total} · ${clips.span(clip.start, clip.end)} (${(clip.end - clip.start).toFixed(1)} s) `,
          clip.play("play", `Play the clip at ${clips.clock(clip.start)} in its source`) ?? ""),
        make("p", { class: "mono" }, clip.id),
        clips.pairs(all.scores.map((score) => clips.scoreRow(score, clip.at)))),
    ];
  }

  function cutDetail(cut, total) {
    return [make("div", { class: "told" },
      make("p", {}, make("strong", {}, cut.kind), ` · transition ${cut.number + 1} of ${total}`),
      clips.pairs([
        ["last frame before", clips.clock(cut.start)],
        ["first frame after", clips.clock(cut.end)],
        ["confidence", String(cut.confidence)],
        ["detector", cut.detector],
      ]))];
  }

  function sheet(own) {
    const cards = make("div", { class: "clip-cards" });
    const box = make("details", { class: "sheet", ontoggle: () => fill(box, cards, own) },
      make("summary", {}, `Contact sheet: ${count(own.length, "clip")}`), cards);
    if (own.length <= SHEET_OPEN || sheetsOpen) box.open = true;
    return box;
  }

  function fill(box, cards, own) {
    if (box.open && !cards.childElementCount) cards.append(...own.map(card));
  }

  function card(clip) {
    return make("figure", { class: `clip-card ${clip.fate.replace(" ", "-")}` },
      clips.picture(clip.id, `Frames of the clip at ${clips.clock(clip.start)}`),
      make("figcaption", {},
        make("span", { class: "when" }, clips.span(clip.start, clip.end)), " · ",
        clips.fate(clip.fate), clip.reason ? `: ${clip.reason}` : "",
        ...[clip.play("play", `Play the clip at ${clips.clock(clip.start)} in its source`)].filter(Boolean).flatMap((link) => [" · ", link])));
  }

  document.addEventListener("DOMContentLoaded", () => report.onShown(place, begin));
})();
