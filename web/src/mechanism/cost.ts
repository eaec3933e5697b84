/** Distortion and KL of one image and one draw, as lines of text, and where the images differ. */
import { el } from "../ui/dom";
import { figure, t } from "../ui/language";
import type { Picture } from "../picture/picture";
import type { Outcome, Studied } from "./study";

export function costs(
  studied: Studied,
  { distortion }: Outcome,
  tally: { count: number; sum: number },
): HTMLElement[] {
  const { entry, columns } = studied.run;
  const { form, weight } = entry.likelihood;
  const { mse, value } = distortion;
  const { kl, index, q } = studied;
  const small = mse.toPrecision(3);
  const what =
    value === null ? t("mechErrorMse")
    : form === "bernoulli" ? t("mechErrorBernoulli")
    : t("mechErrorNormal", { weight: Number(weight!.toPrecision(4)), mse: small });
  const mean = tally.count > 1 ? `${what} · ${t("mechMean", { count: tally.count })} ${figure(tally.sum / tally.count)}` : what;
  const lines = [line("mechError", value === null ? small : figure(value, value < 1 ? 4 : 2), mean)];
  const prior = entry.prior.description;
  const known = columns.get("rate_nats")?.values[index];
  const rate = kl?.reduce((sum, v) => sum + v, 0);
  if (q.logVar === null) lines.push(line("mechKl", "–", t("mechKlNone")));
  else if (rate !== undefined) lines.push(line("mechKl", figure(rate), t("mechKlIs")));
  else if (known === undefined || Number.isNaN(known)) lines.push(line("mechKl", "–", t("mechKlOther", { prior })));
  else lines.push(line("mechKl", figure(known), t("mechKlKnown", { prior })));
  if (rate !== undefined && value !== null) {
    lines.push(line("mechSum", figure(rate + value), t("mechSumIs")));
  }
  return [el("dl", { class: "costs" }, ...lines)];
}

function line(word: "mechError" | "mechKl" | "mechSum", value: string, how: string): HTMLElement {
  return el("div", {}, el("dt", {}, t(word)), el("dd", {}, el("strong", {}, value), el("span", {}, how)));
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
