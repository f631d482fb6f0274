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

/** A picture of the bins {edges, kept, rejected}; square roots keep small bins visible. */
export function histogram({ edges, kept, rejected }, name) {
  const picture = shape("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    class: "histogram",
    role: "img",
    "aria-label": `${name}: how many clips have which value, kept and rejected`,
  });
  const height = (number) => HEIGHT * Math.sqrt(number / most);
  const most = Math.max(1, ...kept.map((number, bin) => number + rejected[bin]));
  const width = WIDTH / kept.length;
  kept.forEach((number, bin) => {
    const all = number + rejected[bin];
    if (!all) return;
    const group = shape("g", {});
    const words = `${rounded(edges[bin])} to ${rounded(edges[bin + 1])}: ${number} kept, ${rejected[bin]} rejected`;
    group.append(shape("title", {}, words));
    const top = Math.max(1.5, height(all));
    const low = number ? top * (number / all) : 0;
    const x = bin * width + 0.5;
    const size = { x, width: Math.max(1, width - 1) };
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
export function moveLine(picture, { edges }, limit) {
  const [first, last] = [edges[0], edges.at(-1)];
  const x = last > first ? (WIDTH * (limit - first)) / (last - first) : 0;
  const line = picture.querySelector(".limit-line");
  for (const name of ["x1", "x2"]) line.setAttribute(name, Math.min(Math.max(x, 1), WIDTH - 1));
}

const rounded = (number) => Number(number.toPrecision(3));
