/** Class counts as bars. */
import type { ClassEntry } from "../bundle/manifest";
import { safeColour } from "../map/colours";
import { el } from "../ui/dom";
import { whole } from "../ui/language";

export function countBars(classes: readonly ClassEntry[], counts: readonly number[]): HTMLElement {
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
