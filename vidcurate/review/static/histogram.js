// How a score lies over all clips, kept below and rejected on top, with lines at its limits.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 56;

function shape(tag, attributes, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

/**
 * A picture of the bins {edges, kept, rejected} over a range [low, high] of values. Heights go by
 * the square root, which keeps small bins visible.
 */
export function histogram({ edges, kept, rejected }, range, name) {
  const picture = shape("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    class: "histogram",
    role: "img",
    "aria-label": `${name}: how many clips have which value, kept and rejected`,
  });
  const height = (number) => HEIGHT * Math.sqrt(number / most);
  const most = Math.max(1, ...kept.map((number, bin) => number + rejected[bin]));
  kept.forEach((number, bin) => {
    const all = number + rejected[bin];
    if (!all) return;
    const group = shape("g", {});
    const words = `${rounded(edges[bin])} to ${rounded(edges[bin + 1])}: ${number} kept, ${rejected[bin]} rejected`;
    group.append(shape("title", {}, words));
    const top = Math.max(1.5, height(all));
    const low = number ? top * (number / all) : 0;
    const x = across(edges[bin], range) + 0.5;
    const size = { x, width: Math.max(1, across(edges[bin + 1], range) - x - 0.5) };
    group.append(
      shape("rect", { ...size, y: HEIGHT - top, height: top - low, class: "bar-rejected" }),
      shape("rect", { ...size, y: HEIGHT - low, height: low, class: "bar-kept" }),
    );
    picture.append(group);
  });
  picture.append(shape("line", { y1: 0, y2: HEIGHT, x1: 0, x2: 0, class: "limit-line" }));
  return picture;
}

/** Move the line to a limit. */
export function moveLine(picture, range, limit) {
  const line = picture.querySelector(".limit-line");
  const x = Math.min(Math.max(across(limit, range), 1), WIDTH - 1);
  for (const name of ["x1", "x2"]) line.setAttribute(name, x);
}

const across = (value, [low, high]) => (high > low ? (WIDTH * (value - low)) / (high - low) : 0);

const rounded = (number) => Number(number.toPrecision(3));
