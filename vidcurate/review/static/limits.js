// Limits in the text of a rule: where a number stands beside a column, so that a slider can move it.

const COLUMN = String.raw`[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*`;
const NUMBER = String.raw`-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`;
const COMPARED = String.raw`\s*(<=|>=|<|>)\s*`;
const AFTER = new RegExp(`(${COLUMN})${COMPARED}(${NUMBER})(?![\\w.])`, "gd");
const BEFORE = new RegExp(`(?<![\\w.])(${NUMBER})${COMPARED}(${COLUMN})`, "gd");
const TURNED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/**
 * The limits of a rule: {score, sign, value, from, to}, with the number's place in the text.
 * `sign` reads from the score to the number. Numbers in sums and products are no limits.
 */
export function limitsIn(text) {
  const bare = text.replace(/'[^']*'|"[^"]*"/g, (quoted) => " ".repeat(quoted.length));
  const found = [];
  for (const match of bare.matchAll(AFTER)) {
    const [, score, sign, number] = match;
    if (alone(bare, match.indices[0])) found.push(limit(score, sign, number, match.indices[3]));
  }
  for (const match of bare.matchAll(BEFORE)) {
    const [, number, sign, score] = match;
    if (alone(bare, match.indices[0])) {
      found.push(limit(score, TURNED[sign], number, match.indices[1]));
    }
  }
  return found.sort((a, b) => a.from - b.from);
}

/** The rule with another number at a limit. */
export const withLimit = (text, { from, to }, number) =>
  text.slice(0, from) + String(number) + text.slice(to);

const limit = (score, sign, number, [from, to]) => ({
  score,
  sign,
  value: Number(number),
  from,
  to,
});

const alone = (text, [from, to]) =>
  !/[-+*/]\s*$/.test(text.slice(0, from)) && !/^\s*[-+*/]/.test(text.slice(to));
