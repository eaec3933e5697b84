/** The button that saves a map, and what it opens: how wide, and as which file. */
import type { Explorer } from "../explorer";
import type { Pane } from "../map/pane";
import { segmented } from "../panels/look";
import { button, el, save } from "../ui/dom";
import { icon } from "../ui/icons";
import { inWords, name, say, t, whole } from "../ui/language";
import { figureOf } from "./figure";
import { DPI, pixelsOf } from "./plot";
import { rasterise, svgFile } from "./png";
import { dotsOf, MOST_CIRCLES } from "./points";

/** Millimetres, as most journals have them. */
const WIDTHS = { oneColumn: 85, twoColumns: 180 } as const;
type Width = keyof typeof WIDTHS;

const RESTS = 200; // ms without a change of the map, after which its points are counted

/** The button, and the box that it opens. */
export function figureMenu(explorer: Explorer, pane: Pane): { opener: HTMLElement; box: HTMLElement } {
  const { store } = explorer;
  let width: Width = "oneColumn";
  let waiting = 0;
  let shows: (width: Width) => void = () => undefined;
  const size = el("p", { class: "muted" });
  const points = el("p", { class: "muted" });
  const failed = el("p", { class: "muted", role: "status" });
  const opener = name(button("icon-only", () => open(box.hidden)), "saveMap");
  opener.append(icon("save"));
  opener.dataset["action"] = "figure";
  opener.setAttribute("aria-expanded", "false");

  const describe = () => {
    if (box.hidden) return;
    size.textContent = t("figureSize", { width: whole(pixelsOf(WIDTHS[width])), dpi: DPI });
    const count = dotsOf(explorer, pane, pane).length;
    points.textContent = t(count > MOST_CIRCLES ? "figureTooMany" : "figureCircles", {
      count: whole(count), most: whole(MOST_CIRCLES), dpi: DPI,
    });
  };
  const open = (shown: boolean) => {
    box.hidden = !shown;
    opener.setAttribute("aria-expanded", String(shown));
    describe();
  };
  const make = async (type: "svg" | "png") => {
    failed.textContent = "";
    try {
      await pane.background();
      const figure = figureOf(explorer, pane, WIDTHS[width]);
      const data = type === "svg" ? svgFile(figure) : await rasterise(figure, pixelsOf(WIDTHS[width]));
      save(`map-${pane.run.id}-${WIDTHS[width]}mm.${type}`, data.type, data);
    } catch (error) {
      failed.textContent = t("figureFailed", { message: String(error) });
    }
  };
  const choice = segmented<Width>("figureWidth", { oneColumn: "oneColumn", twoColumns: "twoColumns" }, width,
    (chosen) => {
      shows((width = chosen));
      describe();
    }, (show) => (shows = show));
  const box = el("div", { class: "figure-menu stack", role: "group", hidden: true }, choice, size, points,
    el("div", { class: "row" },
      say(button("", () => void make("svg")), "saveSvg"),
      say(button("", () => void make("png")), "savePng")),
    failed);
  name(box, "saveMap", false);
  for (const part of [opener, box] as HTMLElement[]) {
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || box.hidden) return;
      open(false);
      opener.focus();
    });
  }
  store.on(["view", "hidden", "filters", "dim", "frame", "plane", "run", "pair"], () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(describe, RESTS);
  });
  inWords(describe);
  return { opener, box };
}
