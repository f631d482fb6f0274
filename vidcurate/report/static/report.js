// What the page does: charts and pictures when they come into view, tables in pages, the theme.
"use strict";

const report = (() => {
  const parsed = new Map();
  const whenThemed = [];

  // A value that the page holds as JSON, by its element's id.
  function embedded(id) {
    if (!parsed.has(id)) {
      const element = document.getElementById(id);
      parsed.set(id, element ? JSON.parse(element.textContent) : null);
    }
    return parsed.get(id);
  }

  const data = (section, name) => embedded(`data-${section}-${name}`);
  const picture = (key) => (embedded("pictures") || {})[key] || "";

  // An element with its attributes and children; text is only ever text.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  // Calls `show(element)` once, when an element comes near the view, or before the page is printed.
  const waiting = new Map();
  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => showNow(entry.target)),
    { rootMargin: "300px" },
  );

  function showNow(element) {
    const show = waiting.get(element);
    if (!show) return;
    waiting.delete(element);
    observer.unobserve(element);
    show(element);
  }

  function onShown(element, show) {
    waiting.set(element, show);
    observer.observe(element);
  }

  addEventListener("beforeprint", () => [...waiting.keys()].forEach(showNow));

  // Colours: a specification names variables of the theme, which are filled in when it is drawn.
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function filled(value) {
    if (typeof value === "string") {
      return value.replace(/var\((--[\w-]+)\)/g, (_, name) => colour(name));
    }
    if (Array.isArray(value)) return value.map(filled);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v)]));
    }
    return value;
  }

  function chartConfig() {
    return filled({
      background: "transparent",
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: {
        labelColor: "var(--text)", titleColor: "var(--muted)", titleFontWeight: "normal",
        domainColor: "var(--line)", gridColor: "var(--line)", gridOpacity: 0.6,
        tickColor: "var(--line)", labelFontSize: 11, titleFontSize: 12,
      },
      legend: {
        labelColor: "var(--text)", titleColor: "var(--muted)", titleFontWeight: "normal",
        labelFontSize: 12, titleFontSize: 12,
      },
      text: { color: "var(--text)", fontSize: 11 },
      title: { color: "var(--text)", fontWeight: "normal" },
      rule: { color: "var(--text)" },
    });
  }

  // Draws a specification into an element; resolves to Vega's view. Tables that it names come
  // from the section's data.
  const drawn = new Map();

  async function draw(element, specification, section, { renderer = "svg", tooltip = {} } = {}) {
    const datasets = {};
    for (const name of namesOfData(specification)) {
      const rows = data(section, name);
      if (rows) datasets[name] = rows;
    }
    if (drawn.has(element)) drawn.get(element).finalize();
    const result = await vegaEmbed(element, { ...filled(specification), datasets }, {
      mode: "vega-lite", ast: true, logLevel: 1, actions: false, defaultStyle: false, renderer,
      config: chartConfig(), tooltip: { disableDefaultStyle: true, theme: "page", ...tooltip },
    });
    drawn.set(element, result);
    // What scrolls can be reached by keyboard.
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    return result.view;
  }

  function namesOfData(value, found = new Set()) {
    if (Array.isArray(value)) value.forEach((part) => namesOfData(part, found));
    else if (value && typeof value === "object") {
      if (value.data && typeof value.data.name === "string") found.add(value.data.name);
      if (value.from && value.from.data && value.from.data.name) found.add(value.from.data.name);
      for (const [key, part] of Object.entries(value)) {
        if (key !== "values" && key !== "datasets") namesOfData(part, found);
      }
    }
    return found;
  }

  function drawFigure(figure) {
    const show = () =>
      draw(figure.querySelector(".canvas"), embedded(figure.dataset.chart), figure.dataset.section);
    whenThemed.push(show);
    show();
  }

  // The values of a chart as a table, for those who do not see it; made when it is opened.
  function listValues(details, specification, section) {
    const source = specification.data || {};
    const rows = source.values || data(section, source.name) || [];
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const kinds = names.map((name) => rows.every((row) => row[name] == null || typeof row[name] === "number"));
    const place = make("div", { class: "grid", "aria-label": `Values: ${details.closest(".chart").querySelector(".canvas").getAttribute("aria-label")}` });
    details.append(place);
    grid(place, {
      columns: names.map((name, at) => ({ name, kind: kinds[at] ? "number" : "text" })),
      rows: rows.map((row) => names.map((name) => row[name] ?? null)),
    });
  }

  function offerValues(details) {
    const figure = details.closest(".chart");
    details.addEventListener("toggle", () =>
      listValues(details, embedded(figure.dataset.chart), figure.dataset.section), { once: true });
  }

  // What a column is, beside it while it is pointed at or has the focus; Escape puts it away.
  const tip = make("div", { id: "explanation", role: "tooltip", class: "tip", hidden: true });

  function explain(element) {
    const info = (data("columns", "info") || {})[element.dataset.column];
    if (!info) return;
    tip.replaceChildren(...Object.entries(info).map(([name, value]) =>
      make("p", {}, make("span", { class: "key" }, `${name}: `), value)));
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const below = box.bottom + tip.offsetHeight + 8 < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - tip.offsetHeight - 4)}px`;
    element.setAttribute("aria-describedby", tip.id);
  }

  function prepareExplanations() {
    document.body.append(tip);
    const asked = (event) => event.target.closest && event.target.closest("[data-column]");
    for (const begin of ["pointerover", "focusin"]) {
      document.addEventListener(begin, (event) => { if (asked(event)) explain(asked(event)); });
    }
    for (const end of ["pointerout", "focusout"]) {
      document.addEventListener(end, (event) => { if (asked(event) && event.relatedTarget !== tip) tip.hidden = true; });
    }
    tip.addEventListener("pointerleave", () => { tip.hidden = true; });
    addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
    addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  }

  // A table of many rows, a page at a time, sorted by the column that is clicked.
  // `table` has columns ({name, kind: text|number|fate|picture, title?}) and rows (lists of values).
  function grid(place, table, { size = 50, picked = null } = {}) {
    let rows = table.rows;
    let page = 0;
    let sorted = { column: -1, down: false };
    const words = make("span", { role: "status" });
    const back = make("button", { type: "button", onclick: () => turn(-1) }, "Previous");
    const on = make("button", { type: "button", onclick: () => turn(1) }, "Next");
    const find = make("input", {
      type: "search", placeholder: "Find", "aria-label": "Find rows that hold a text",
      oninput: () => { look(find.value); },
    });
    const head = make("tr");
    const body = make("tbody");
    const label = place.getAttribute("aria-label") || "Rows";
    place.replaceChildren(
      make("div", { class: "bar" }, find, back, on, words),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
        make("table", {}, make("thead", {}, head), body)),
    );
    table.columns.forEach((column, number) => {
      const sort = make("button", { type: "button", title: column.title || "", onclick: () => order(number) }, column.name);
      head.append(make("th", { scope: "col", class: column.kind === "number" ? "number" : "" }, sort));
    });

    function look(text) {
      const wanted = text.toLowerCase();
      rows = table.rows.filter((row) => row.some((value) => String(value ?? "").toLowerCase().includes(wanted)));
      page = 0;
      if (sorted.column >= 0) order(sorted.column, sorted.down);
      else show();
    }

    function order(number, down = sorted.column === number && !sorted.down) {
      sorted = { column: number, down };
      const sign = down ? -1 : 1;
      const isNone = (value) => value === null || value === undefined;
      rows = [...rows].sort((first, second) => {
        const [a, b] = [first[number], second[number]];
        if (isNone(a) || isNone(b)) return isNone(a) - isNone(b);
        return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
      });
      [...head.children].forEach((cell, at) =>
        at === number ? cell.setAttribute("aria-sort", down ? "descending" : "ascending") : cell.removeAttribute("aria-sort"));
      show();
    }

    function turn(by) {
      page = Math.min(Math.max(page + by, 0), Math.max(Math.ceil(rows.length / size) - 1, 0));
      show();
    }

    function show() {
      const start = page * size;
      body.replaceChildren(...rows.slice(start, start + size).map((row) => {
        const line = make("tr", picked ? { onclick: () => picked(row) } : {});
        line.append(...row.slice(0, table.columns.length).map((value, at) => cell(value, table.columns[at])));
        return line;
      }));
      words.textContent = rows.length
        ? `${(start + 1).toLocaleString("en")} to ${Math.min(start + size, rows.length).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`
        : "no row";
      back.disabled = page === 0;
      on.disabled = start + size >= rows.length;
    }

    function cell(value, column) {
      if (column.kind === "fate") return make("td", {}, make("span", { class: `fate ${String(value).replace(" ", "-")}` }, value));
      if (column.kind === "picture") return make("td", {}, value ? make("img", { class: "picture", src: picture(value), alt: "", loading: "lazy" }) : "");
      if (column.kind === "number") return make("td", { class: "number" }, value === null ? "–" : figure(value));
      return make("td", {}, make("bdi", {}, value ?? ""));
    }

    show();
  }

  const figure = (value) =>
    Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));

  // The theme: that of the system until somebody chooses another.
  const THEMES = ["auto", "light", "dark"];
  const root = document.documentElement;

  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    document.getElementById("theme").textContent = `Theme: ${theme}`;
    whenThemed.forEach((redraw) => redraw());
  }

  function storedTheme() {
    // Browsers may refuse storage to a page that is opened as a file.
    try {
      return localStorage.getItem("vidcurate-theme") || "auto";
    } catch {
      return "auto";
    }
  }

  function nextTheme() {
    const theme = THEMES[(THEMES.indexOf(root.dataset.theme || "auto") + 1) % THEMES.length];
    setTheme(theme);
    try {
      localStorage.setItem("vidcurate-theme", theme);
    } catch {
      // It holds until the page is closed.
    }
  }

  // The entry of the contents whose section is at the top of the view.
  function markCurrent() {
    const links = [...document.querySelectorAll("nav.contents a")];
    const sections = links.map((link) => document.getElementById(link.hash.slice(1)));
    const watcher = new IntersectionObserver(() => {
      const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
      const current = passed.at(-1) || sections[0];
      links.forEach((link, at) =>
        sections[at] === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"));
    }, { rootMargin: "-33% 0px -66% 0px" });
    sections.forEach((section) => watcher.observe(section));
  }

  function start() {
    setTheme(storedTheme());
    document.getElementById("theme").addEventListener("click", nextTheme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(root.dataset.theme || "auto"));
    document.querySelectorAll(".chart[data-chart]").forEach((figure) => onShown(figure, drawFigure));
    document.querySelectorAll("details.values").forEach(offerValues);
    prepareExplanations();
    document.querySelectorAll("img[data-picture]").forEach((image) =>
      onShown(image, () => { image.src = picture(image.dataset.picture); }));
    document.querySelectorAll(".grid[data-grid]").forEach((place) =>
      onShown(place, () => grid(place, embedded(place.dataset.grid))));
    markCurrent();
  }

  document.addEventListener("DOMContentLoaded", start);
  return { colour, data, draw, figure, grid, make, onShown, onThemed: (redraw) => whenThemed.push(redraw), picture };
})();
