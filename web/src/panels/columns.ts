/** Names and numbers of columns for reading. */
import type { Column } from "../bundle/columns";
import { t, type Word } from "../ui/language";

/** The columns that reparam itself makes; others come with a name of their own. */
const KNOWN: Record<string, Word> = {
  position: "colPosition",
  distortion_nats: "colDistortion",
  rate_nats: "colRate",
  squared_error: "colSquaredError",
  log_likelihood_bound_nats: "colBound",
  latent_norm: "colNorm",
  log_prior_nats: "colPrior",
  neighbour_distance: "colNeighbour",
  judge_class: "colJudge",
  anomaly_score: "colAnomaly",
  p_value: "colPValue",
};

export function columnName(name: string): string {
  const word = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
  return word ? t(word) : name;
}

/** A number of three digits or so; whole ones, such as a year or a date, with all of theirs. */
export function compact(value: number): string {
  const size = Math.abs(value);
  const whole = Number.isInteger(value) && size < 1e10;
  const text = whole ? String(value) :
    size !== 0 && (size >= 1e6 || size < 1e-3)
      ? value.toExponential(1)
      : String(Number(value.toPrecision(size >= 1000 ? 6 : 3)));
  return text.replace(/-/g, "\u2212");
}

/** A point's value in words. */
export function valueOf(column: Column, i: number): string {
  const value = column.values[i];
  if (Number.isNaN(value)) return t("noValue");
  return column.levels.length > 0 ? (column.levels[value]?.name ?? t("noValue")) : compact(value);
}
