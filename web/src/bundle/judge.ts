/**
 * The judge's class counts of prior samples, if the scorecard has them.
 *
 * The scorecard is a table of measures; the one that is looked for holds a number for each class,
 * under `class_counts` or `counts`, as a list in the classes' order or by name.
 */
export function judgeCounts(scorecard: unknown, classes: readonly string[]): number[] | null {
  const found = find(scorecard, 0);
  if (Array.isArray(found)) {
    const numbers = found.every((n) => typeof n === "number");
    return numbers && found.length === classes.length ? (found as number[]) : null;
  }
  if (typeof found !== "object" || found === null) return null;
  const byName = found as Record<string, unknown>;
  const counts = classes.map((name) => byName[name] ?? 0);
  return counts.every((n) => typeof n === "number") ? (counts as number[]) : null;
}

const NAMES = ["class_counts", "judge_counts", "sample_classes", "counts"];

function find(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > 5) return null;
  const table = value as Record<string, unknown>;
  for (const name of NAMES) if (typeof table[name] === "object" && table[name]) return table[name];
  for (const inner of Object.values(table)) {
    const found = find(inner, depth + 1);
    if (found !== null) return found;
  }
  return null;
}
