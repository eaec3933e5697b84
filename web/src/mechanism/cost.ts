/** Distortion and KL of one image and one draw, as lines of text, and where the images differ. */
import type { Picture } from "../picture/picture";
import { el } from "../ui/dom";
import { figure, priorWords, t, type Word } from "../ui/language";
import type { Outcome, Studied } from "./study";

/** The numbers as they are written; null for those that do not exist or are not known. */
export interface Cost {
  error: string;
  /** How the error is computed. */
  how: string;
  kl: string | null;
  klHow: string;
  sum: string | null;
  sumHow: string;
}

export function costsOf({ run, index, q, kl }: Studied, { distortion }: Outcome): Cost {
  const { likelihood } = run.entry;
  const { mse, value, exact, how } = distortion;
  const weight = Number((likelihood.weight ?? 1).toPrecision(4));
  const known = run.columns.get("rate_nats")?.values[index] ?? NaN;
  const found = kl ? kl.reduce((sum, v) => sum + v, 0) : q.logVar ? known : NaN;
  const klHow =
    q.logVar === null ? t("mechKlNone")
    : kl ? t("mechKlIs")
    : t(Number.isNaN(known) ? "mechKlOther" : "mechKlKnown", { prior: priorWords(run.entry.prior) });
  return {
    error: written(value ?? mse),
    how: t(how, { weight, mse: mse.toPrecision(3) }),
    kl: Number.isNaN(found) ? null : figure(found),
    klHow,
    sum: kl && value !== null ? figure(found + value) : null,
    sumHow: t(exact ? "mechSumExact" : "mechSumIs"),
  };
}

/** An error, or a mean of them: below 1 by its first three digits. */
function written(error: number): string {
  return error < 1 ? error.toPrecision(3) : figure(error);
}

export function costLines(cost: Cost, { count, sum }: { count: number; sum: number }): HTMLElement {
  const lines = [line("mechError", cost.error, cost.how)];
  if (count > 1) lines.push(line(null, written(sum / count), t("mechMean", { count })));
  lines.push(line("mechKl", cost.kl ?? "–", cost.klHow));
  if (cost.sum) lines.push(line("mechSum", cost.sum, cost.sumHow));
  return el("dl", { class: "costs" }, ...lines);
}

/** The same in a line. */
export function inBrief({ error, kl, sum }: Cost): string {
  const parts = [`${t("mechError")} ${error}`, kl === null ? t("mechNoKl") : `${t("mechKl")} ${kl}`];
  return sum ? `${parts.join(" + ")} = ${sum}` : parts.join(" · ");
}

function line(word: Word | null, value: string, how: string): HTMLElement {
  return el("div", {}, el("dt", {}, word ? t(word) : ""),
    el("dd", {}, el("strong", {}, value), " ", el("span", {}, how)));
}

/** |x − x̂|, 1 channel: the mean over the image's. */
export function difference(studied: Studied, { image }: Outcome): Picture {
  const { width, height, channels } = studied.run.entry.image;
  const plane = width * height;
  const pixels = new Uint8ClampedArray(plane);
  for (let i = 0; i < plane; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.abs(studied.input[c * plane + i] - image[c * plane + i]);
    pixels[i] = (255 * sum) / channels;
  }
  return { width, height, channels: 1, pixels };
}
