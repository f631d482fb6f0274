// Lists too long for one page: found by a text, filtered, sorted, and shown a page at a time.
"use strict";

const pages = (() => {
  const { make } = report;

  // Shows `items` in `place` by `show(item)`, which returns an element. `text(item)` is what a
  // search looks in. `orders` are {name, key(item), down}; `filters` are {label, choices: [{name,
  // test(item)}]}, where no test lets all pass. `extra` are elements for the bar. `after()` is
  // called when a page stands.
  function pager(place, { items, show, text, orders = [], filters = [], extra = [], noun, size = 10, after = null }) {
    let found = items;
    let page = 0;
    const words = make("span", { role: "status", class: "words" });
    const list = make("div", { class: "pages-list" });
    const find = make("input", { type: "search", placeholder: "Find", "aria-label": `Find a ${noun}` });
    const order = choice("Sort by", orders.map((one) => one.name));
    const chosen = filters.map((filter) => choice(filter.label, filter.choices.map((one) => one.name)));
    const sizes = choice("A page has", [10, 20, 50, 100].filter((n) => n >= size).map(String));
    const [above, below] = [turner(), turner()];

    function choice(label, names) {
      const select = make("select", {}, ...names.map((name, at) => make("option", { value: at }, name)));
      return { select, label: make("label", {}, `${label} `, select), at: () => Number(select.value) };
    }

    function turner() {
      const back = make("button", { type: "button", onclick: () => turn(-1) }, "Previous");
      const on = make("button", { type: "button", onclick: () => turn(1) }, "Next");
      return { back, on, both: make("span", { class: "turner" }, back, on) };
    }

    const perPage = () => Number(sizes.select.selectedOptions[0].textContent);
    const last = () => Math.max(Math.ceil(found.length / perPage()) - 1, 0);

    function look() {
      const wanted = find.value.trim().toLowerCase();
      const tests = chosen.map((one, at) => filters[at].choices[one.at()].test).filter(Boolean);
      found = items.filter((item) => tests.every((test) => test(item)) && (!wanted || text(item).toLowerCase().includes(wanted)));
      const by = orders[order.at()];
      if (by && by.key) {
        const sign = by.down ? -1 : 1;
        const keys = new Map(found.map((item) => [item, by.key(item)]));
        const isNone = (value) => value === null || value === undefined;
        found.sort((first, second) => {
          const [a, b] = [keys.get(first), keys.get(second)];
          if (isNone(a) || isNone(b)) return isNone(a) - isNone(b);
          return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
        });
      }
      page = 0;
      showPage();
    }

    function turn(by) {
      page = Math.min(Math.max(page + by, 0), last());
      showPage();
      place.scrollIntoView({ block: "start" });
    }

    function showPage() {
      const start = page * perPage();
      const now = found.slice(start, start + perPage());
      list.replaceChildren(...now.map(show));
      const n = (number) => number.toLocaleString("en");
      const nouns = found.length === 1 ? noun : `${noun}s`;
      words.textContent = now.length
        ? now.length === found.length ? `${n(found.length)} ${nouns}` : `${n(start + 1)} to ${n(start + now.length)} of ${n(found.length)} ${nouns}`
        : `no ${noun} here`;
      for (const { back, on } of [above, below]) {
        back.disabled = page === 0;
        on.disabled = page >= last();
      }
      below.both.hidden = last() === 0;
      above.both.hidden = last() === 0;
      if (after) after(list);
    }

    find.addEventListener("input", look);
    for (const { select } of [order, sizes, ...chosen]) select.addEventListener("change", look);
    const isLong = items.length > size;
    place.replaceChildren(
      make("div", { class: "bar pages-bar" },
        items.length > 1 ? find : null,
        ...(items.length > 1 ? chosen.map((one) => one.label) : []),
        orders.length > 1 && items.length > 1 ? order.label : null,
        isLong ? sizes.label : null,
        ...extra, above.both, words),
      list,
      make("div", { class: "bar pages-bar" }, below.both),
    );
    look();
  }

  return { pager };
})();
