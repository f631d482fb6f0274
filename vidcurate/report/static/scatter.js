// Two chosen scores against each other, with the clip that is pointed at.
"use strict";

(() => {
  const GROUPS = { kept: "kept", "left out": "kept", refused: "kept", captioned: "kept", exported: "kept", rejected: "rejected" };
  const points = report.data("scatter", "points");
  const place = document.getElementById("scatter-chart");
  const card = document.getElementById("scatter-clip");
  const [across, up, log] = ["x", "y", "log"].map((name) => document.getElementById(`scatter-${name}`));
  let view = null;
  let order = [];
  let picked = null;

  const groupOf = (number) => GROUPS[points.fate[number]] || "undecided";

  function rows() {
    const [x, y] = [points.scores[across.value], points.scores[up.value]];
    const isDrawn = (value) => value !== null && (!log.checked || value > 0);
    return points.clip
      .map((_, number) => ({ number, x: x[number], y: y[number], group: groupOf(number) }))
      .filter((row) => isDrawn(row.x) && isDrawn(row.y));
  }

  function specification(values) {
    const groups = ["kept", "rejected", "undecided"];
    const scale = { type: log.checked ? "log" : "linear", zero: false, nice: true };
    const at = (field, title) => ({ field, type: "quantitative", title, scale, axis: { tickCount: 7 } });
    const encoding = { x: at("x", across.value), y: at("y", up.value) };
    const colours = ["var(--captioned)", "var(--rejected)", "var(--unmeasured)"];
    return {
      width: "container",
      height: 420,
      autosize: { type: "fit-x", contains: "padding" },
      params: [{ name: "picked", value: -1 }],
      data: { values },
      layer: [
        {
          mark: { type: "point", filled: false, size: 45, opacity: 0.8, strokeWidth: 1.6 },
          encoding: {
            ...encoding,
            color: { field: "group", type: "nominal", scale: { domain: groups, range: colours }, legend: { orient: "top", title: null } },
            shape: { field: "group", type: "nominal", scale: { domain: groups, range: ["circle", "cross", "triangle-up"] } },
          },
        },
        {
          transform: [{ filter: "datum.number === picked" }],
          mark: { type: "point", shape: "circle", size: 260, strokeWidth: 3, color: "var(--text)" },
          encoding,
        },
      ],
    };
  }

  async function draw() {
    const values = rows();
    order = values.sort((a, b) => a.x - b.x || a.y - b.y).map((row) => row.number);
    view = await report.draw(place, specification(values), "scatter", { renderer: "canvas" });
    view.addEventListener("mousemove", (_, item) => {
      if (item && item.datum && item.datum.number !== undefined) show(item.datum.number);
    });
    if (picked !== null) view.signal("picked", picked).run();
  }

  function show(number) {
    if (number === picked) return;
    picked = number;
    view.signal("picked", number).run();
    const { make, figure } = report;
    const value = (score) => {
      const found = points.scores[score][number];
      return make("p", {}, `${score}: `, make("strong", {}, found === null ? "–" : figure(found)));
    };
    const source = points.picture[number] && report.picture(points.picture[number]);
    card.replaceChildren(
      source ? make("img", { class: "picture", src: source, alt: "A frame of the clip" }) : make("p", { class: "note" }, "No picture in this page."),
      make("p", {}, make("span", { class: `fate ${points.fate[number].replace(" ", "-")}` }, points.fate[number])),
      ...(points.reason[number] ? [make("p", { class: "note" }, points.reason[number])] : []),
      value(across.value),
      value(up.value),
      make("p", {}, make("bdi", {}, points.video[number]), `, ${points.time[number]}`),
      make("p", { class: "mono note" }, points.clip[number]),
    );
  }

  // The next clip to the right or left; up and down go ten further.
  const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 10, ArrowDown: -10 };
  place.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !order.length) return;
    event.preventDefault();
    const from = picked === null ? (step > 0 ? -1 : order.length) : order.indexOf(picked);
    show(order[Math.min(Math.max(from + step, 0), order.length - 1)]);
  });

  [across, up, log].forEach((control) => control.addEventListener("change", draw));
  report.onShown(place, () => {
    report.onThemed(draw);
    draw();
  });
})();
