/** Class counts as bars. */
import type { ClassEntry } from "../bundle/manifest";
import { safeColour } from "../map/colours";
import { el } from "../ui/dom";
import { whole } from "../ui/language";

/** The same as columns, side by side: short enough to see those of two runs at once. */
export function countColumns(
  classes: readonly ClassEntry[],
  counts: readonly number[],
): HTMLElement {
  const most = Math.max(1, ...counts);
  const list = el("dl", { class: "columns" });
  classes.forEach(({ name, colour }, k) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.height = `${(2.6 * (counts[k] ?? 0)) / most}rem`;
    bar.style.background = safeColour(colour);
    const value = el("dd", {}, el("span", { class: "count" }, whole(counts[k] ?? 0)), bar);
    list.append(el("div", { title: name }, el("dt", {}, name), value));
  });
  return list;
}

export function countBars(
  classes: readonly ClassEntry[],
  counts: readonly number[],
): HTMLElement {
  const most = Math.max(1, ...counts);
  const list = el("dl", { class: "bars" });
  classes.forEach(({ name, colour }, k) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * (counts[k] ?? 0)) / most}%`;
    bar.style.background = safeColour(colour);
    const value = el("span", { class: "count" }, whole(counts[k] ?? 0));
    list.append(el("dt", { title: name }, name), el("dd", {}, bar, value));
  });
  return list;
}
