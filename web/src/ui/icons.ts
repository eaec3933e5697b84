/** Line icons, drawn here: nothing is fetched. */
import { svg } from "./dom";

const PATHS = {
  move: "M12 3v18M3 12h18M12 3l-2.5 2.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5",
  lasso: "M12 4c5 0 9 2.5 9 6s-4 6-9 6-9-2.500-9-6 4-6 9-6zM7 15c-2 .5-2.500 2.500-1 3.500 1.500 1 1 2.500-1 2.500",
  path: "M5 19a2 2 0 1 0 0-.1M19 7a2 2 0 1 0 0-.1M7 18c6-1 2-10 10-11",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  home: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M5 19l1.500-1.500M17.500 6.500 19 5",
  moon: "M20 14.500A8.500 8.500 0 1 1 9.500 4 7 7 0 0 0 20 14.500z",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M12 3v18M12 7l6 6M12 12l4.500 4.500M12 17l2 2",
  close: "M6 6l12 12M18 6 6 18",
  save: "M12 4v11M8 11l4 4 4-4M4 16v4h16v-4",
  pair: "M4 5h7v14H4zM13 5h7v14h-7z",
};

export type Icon = keyof typeof PATHS;

export function icon(which: Icon): SVGSVGElement {
  const path = svg("path", { d: PATHS[which] });
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, path);
}
