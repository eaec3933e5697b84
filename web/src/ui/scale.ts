/** The scale of numbers on a map, where its points are coloured by one. */
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { scaleGradient } from "../map/colours";
import { columnName } from "../panels/columns";
import { axisOf } from "../panels/histogram";
import { el } from "./dom";
import { inWords } from "./language";

export function mapScale(explorer: Explorer, run: Run): HTMLElement {
  const root = el("div", { class: "map-scale" });
  const show = () => {
    const column = explorer.colouring(run);
    root.hidden = !column || column.levels.length > 0;
    if (root.hidden || !column) return;
    const bar = el("div", { class: "scale-bar" });
    bar.style.backgroundImage = scaleGradient(explorer.theme.palette.dark);
    root.replaceChildren(el("p", {}, columnName(column.name)), bar, axisOf(column));
  };
  explorer.store.on(["colour", "filters"], show);
  explorer.theme.onChange(show);
  inWords(show);
  return root;
}
