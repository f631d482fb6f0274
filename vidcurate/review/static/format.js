// Numbers, times and words as people read them.

const WHOLE = new Intl.NumberFormat("en");

/** 12345 → 12,345. */
export const count = (number) => WHOLE.format(number);

/** "1 clip", "2 clips". */
export const clips = (number) => `${count(number)} clip${number === 1 ? "" : "s"}`;

/** 71.25 → 1:11.25; hours only where there are some. */
export function time(seconds, digits = 2) {
  const sign = seconds < 0 ? "−" : "";
  const all = Math.abs(seconds);
  const factor = 10 ** digits;
  const rounded = Math.round(all * factor) / factor;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${sign}${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : minutes}:${rest}`;
}

/** A length: 0.8 s, 12 s, 5 min, 3.2 h. */
export function length(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(seconds < 600 ? 1 : 0)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A score's value in at most four digits that count. */
export function value(number) {
  if (number === null || number === undefined) return "–";
  if (typeof number === "boolean") return number ? "yes" : "no";
  if (typeof number !== "number") return String(number);
  if (Number.isInteger(number)) return count(number);
  const size = Math.abs(number);
  if (size !== 0 && size < 0.001) return number.toExponential(2);
  return String(Number(number.toPrecision(4)));
}

/** A unit as it stands behind a value; shares and counts have none. */
export const unit = (name) => (name && name !== "1" && name !== "count" ? ` ${name}` : "");

/** 0.873 → 87.3 %. */
export const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** An ISO time as the person's own date and time. */
export const moment = (text) =>
  new Date(text).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
