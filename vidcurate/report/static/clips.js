// What scripts show of clips alike: their times, fates, pictures, and where their source lies.
"use strict";

const clips = (() => {
  const { make } = report;
  // The strips that the page may hold of a clip: pictures by height.
  const STRIPS = ["3x54", "1x90", "5x72"];

  // A time of a video, such as 1:02:03.4.
  function clock(seconds) {
    const tenths = Math.round(Math.abs(seconds) * 10);
    const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
    const rest = `${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
    const start = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : `${minutes}`;
    return `${seconds < 0 ? "-" : ""}${start}:${rest}`;
  }

  const span = (start, end) => `${clock(start)} to ${clock(end)}`;

  function strip(id) {
    for (const size of STRIPS) {
      const address = report.picture(`${id}-${size}`);
      if (address) return address;
    }
    return "";
  }

  // A clip's picture; a note where the page has none.
  function picture(id, alt) {
    const address = strip(id);
    return address
      ? make("img", { class: "picture", src: address, alt })
      : make("span", { class: "picture none" }, "no picture: the page holds those of some clips only");
  }

  const fate = (name) => make("span", { class: `fate ${name.replace(" ", "-")}` }, name);

  // A link that plays a span of a source, if that is there; times are those of players.
  function source(address, start, end, words, label) {
    if (!address) return null;
    const at = `${address}#t=${Math.max(start, 0).toFixed(3)},${end.toFixed(3)}`;
    return make("a", { href: at, target: "_blank", rel: "noreferrer", "aria-label": label }, words);
  }

  // Names with their values; one that is a column says on hover what it is.
  function pairs(rows) {
    return make("dl", { class: "pairs" }, ...rows.map(([name, value, unit, isColumn]) =>
      make("div", {},
        make("dt", {}, isColumn ? make("span", { class: "explained", tabindex: "0", "data-column": name }, name) : name),
        make("dd", {}, value, unit && value !== "–" ? make("span", { class: "unit" }, ` ${unit}`) : ""))));
  }

  const scoreRow = ({ name, unit, values }, at) =>
    [name, values[at] === null ? "–" : report.figure(values[at]), unit, true];

  return { clock, span, pairs, picture, fate, scoreRow, source, strip };
})();
