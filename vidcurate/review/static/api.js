// The server's answers; what goes wrong is an Error whose message a person can act on.

/** Get JSON; `query` entries that are empty are left out. */
export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(given).toString();
  return ask(text ? `${path}?${text}` : path, {});
}

/** Post JSON and return the answer. */
export const post = (path, body) =>
  ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** The address of a clip's part of the API. */
export const clipPath = (id, part = "") => `/api/clips/${encodeURIComponent(id)}${part}`;

/** The picture strip of a clip. */
export const stripPath = (id) => `/strip/${encodeURIComponent(id)}.jpg`;

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the review server does not answer: is `vidcurate review` still running?");
  }
  if (!answer.ok) throw new Error(await reason(answer));
  return answer.json();
}

/** Why the server refused: its own words where it has some. */
export async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return `the server answered ${answer.status} to ${new URL(answer.url).pathname}`;
  }
}
