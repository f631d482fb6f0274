// The map of clips: points that can be coloured by any column, walked with the arrow keys.
"use strict";

(() => {
  const { make } = report;
  const canvas = document.getElementById("map-canvas");
  if (!canvas) return;
  const select = document.getElementById("map-colour");
  const panel = document.getElementById("map-detail");
  let points = null;
  let rows = [];
  let view = null;
  let active = -1;
  const TAGS_SHOWN = 6;
  const COLOURS = {
    light: ["#1b6ca8", "#b3470a", "#7b3fa0", "#1a7f5a", "#a01858", "#6b5b00"],
    dark: ["#6fb7ff", "#ff9550", "#c6a2f5", "#5fd3a5", "#ff8fc0", "#d6c545"],
  };
  const FATES = ["exported", "captioned", "kept", "refused", "left out", "unmeasured", "rejected", "waiting"];

  function begin() {
    points = report.data("map", "points");
    const often = frequent(points.tag ?? []);
    const group = (tag) => (tag === null ? "no tag" : often.has(tag) ? tag : "other tags");
    rows = points.x.map((x, n) => ({
      n, x, y: points.y[n], fate: points.fate[n],
      tag: points.tag ? group(points.tag[n]) : null,
      ...Object.fromEntries(points.scores.map((score, at) => [`s${at}`, score.values[n]])),
    }));
    const choices = [["fate", "what became of it"], ...(points.tag ? [["tag", "tag"]] : []),
      ...points.scores.map((score, at) => [`s${at}`, score.name])];
    select.replaceChildren(...choices.map(([value, name]) => make("option", { value }, name)));
    select.addEventListener("change", show);
    canvas.addEventListener("keydown", walk);
    canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) go(Math.max(active, 0)); });
    report.onThemed(show);
    show();
  }

  // The most frequent tags, of which so many can be told apart by colour and shape.
  function frequent(tags) {
    const counts = new Map();
    tags.filter((tag) => tag !== null).forEach((tag) => counts.set(tag, (counts.get(tag) ?? 0) + 1));
    return new Set([...counts].sort((a, b) => b[1] - a[1]).slice(0, TAGS_SHOWN).map(([tag]) => tag));
  }

  const isDark = () => getComputedStyle(document.documentElement).colorScheme.includes("dark");

  // Kinds are told by colour and shape, numbers by colour.
  function colouring(field) {
    if (field === "fate") {
      const present = FATES.filter((fate) => points.fate.includes(fate));
      return {
        color: { field, type: "nominal", title: "what became of it", scale: { domain: present, range: present.map((fate) => `var(--${fate.replace(" ", "-")})`) } },
        shape: { field, type: "nominal", title: "what became of it", scale: { domain: present } },
      };
    }
    if (field === "tag") {
      const often = [...frequent(points.tag)];
      const rest = ["other tags", "no tag"].filter((name) => rows.some((row) => row.tag === name));
      const domain = [...often, ...rest];
      const range = [...COLOURS[isDark() ? "dark" : "light"].slice(0, often.length), ...rest.map(() => "var(--unmeasured)")];
      return {
        color: { field, type: "nominal", title: "tag", scale: { domain, range } },
        shape: { field, type: "nominal", title: "tag", scale: { domain } },
      };
    }
    const { name, unit, values } = points.scores[Number(field.slice(1))];
    // A few extreme values would leave one colour to all others.
    const known = values.filter((value) => value !== null).sort((a, b) => a - b);
    const at = (share) => known[Math.floor(share * (known.length - 1))];
    const extent = isDark() ? [0.4, 1] : [0, 0.8];
    const title = unit ? `${name} (${unit})` : name;
    return {
      color: { field, type: "quantitative", title, scale: { scheme: { name: "viridis", extent }, ...(at(0.05) < at(0.95) ? { domain: [at(0.05), at(0.95)], clamp: true } : {}) } },
    };
  }

  async function show() {
    const field = select.value;
    const axis = { axis: null, scale: { domain: [-20, 1020], nice: false } };
    const [width, height] = [Math.max(...points.x, 1), Math.max(...points.y, 1)];
    const specification = {
      width: "container",
      height: Math.round(Math.min(560, Math.max(260, canvas.clientWidth * 0.62 * Math.min(1, height / width + 0.1)))),
      padding: 4,
      data: { values: rows },
      params: [{ name: "chosen", value: -1 }],
      encoding: {
        x: { field: "x", type: "quantitative", ...axis, scale: { domain: [-20, width + 20], nice: false } },
        y: { field: "y", type: "quantitative", ...axis, scale: { domain: [-20, height + 20], nice: false } },
      },
      layer: [
        { mark: { type: "point", filled: true, opacity: 0.85, size: 60, cursor: "pointer" }, encoding: colouring(field) },
        {
          transform: [{ filter: "datum.n === chosen" }],
          mark: { type: "point", filled: false, size: 260, strokeWidth: 3, color: "var(--text)", opacity: 1 },
        },
      ],
      config: { legend: { orient: canvas.clientWidth < 700 ? "bottom" : "right", columns: canvas.clientWidth < 700 ? 2 : 1 } },
    };
    view = await report.draw(canvas, specification, "map", { renderer: "canvas" });
    view.addEventListener("pointermove", (_, item) => { if (item && item.datum && item.datum.n !== undefined) go(item.datum.n); });
    view.addEventListener("click", (_, item) => { if (item && item.datum && item.datum.n !== undefined) go(item.datum.n); });
    if (active >= 0) view.signal("chosen", active).run();
  }

  function go(number) {
    if (number === active && panel.dataset.clip === points.id[number]) return;
    active = number;
    if (view) view.signal("chosen", active).run();
    panel.dataset.clip = points.id[number];
    const told = points.scores.map((score) => clips.scoreRow(score, number));
    if (points.tag) told.unshift(["tag", points.tag[number] ?? "–"]);
    panel.replaceChildren(
      clips.picture(points.id[number], `Frames of the clip at ${clips.clock(points.start[number])}`),
      make("p", {}, clips.fate(points.fate[number]), points.reason[number] ? `: ${points.reason[number]}` : ""),
      make("p", {}, make("bdi", {}, points.video[number] ?? ""), ` · ${clips.span(points.start[number], points.end[number])}`),
      make("p", { class: "mono" }, points.id[number]),
      clips.pairs(told),
    );
  }

  // The nearest point in the direction of an arrow key, within a right angle around it.
  function walk(event) {
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key];
    if (!way || !rows.length) return;
    event.preventDefault();
    if (active < 0) return go(0);
    const from = rows[active];
    let [best, least] = [-1, Infinity];
    for (const row of rows) {
      const [dx, dy] = [row.x - from.x, row.y - from.y];
      const along = dx * way[0] + dy * way[1];
      const across = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (along <= 0 || across > along) continue;
      const far = along + 2 * across;
      if (far < least) [best, least] = [row.n, far];
    }
    if (best >= 0) go(best);
  }

  document.addEventListener("DOMContentLoaded", () => report.onShown(canvas, begin));
})();
