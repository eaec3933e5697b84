/** The map of a run as a figure for print, in SVG: what is on the screen, in the light theme's colours. */
import type { Explorer } from "../explorer";
import { drawMarks } from "../map/overlay";
import type { Pane } from "../map/pane";
import { svg } from "../ui/dom";
import { sourceName } from "../ui/language";
import { inBackground, thumbnails } from "./layers";
import { axesOf, drawFrame, marginOf } from "./axes";
import { drawLegend } from "./legend";
import { FONT, printable, short, SvgPen } from "./pen";
import { type Plot, PRINT, UNIT } from "./plot";
import { drawPointer } from "./pointer";
import { dotsOf, drawPoints } from "./points";

const EDGE = 12; // units at the top and at the right
const GAP = 12; // between axes and legend

/** Draws the figure, so many millimetres wide. The background must have been decoded. */
export function figureOf(explorer: Explorer, pane: Pane, mm: number): SVGSVGElement {
  const { run } = pane;
  const root = svg("svg", { "font-family": FONT });
  const [under, shapes, texts] = [svg("g", { id: "plot" }), svg("g", { id: "marks" }), svg("g", { id: "names" })];
  const pen = new SvgPen(shapes, texts);
  const marks = pane.marks(PRINT);
  const whole = mm / UNIT;
  // The left margin depends on the ticks' numbers, and these on the plot.
  let margin = { left: 60, above: 0, below: 40 };
  let plot = plotOf(pane, whole - margin.left - EDGE);
  let axes = axesOf(plot, pen, marks.axes);
  for (let turn = 0; turn < 2; turn++) {
    margin = marginOf(axes);
    plot = plotOf(pane, whole - margin.left - EDGE);
    axes = axesOf(plot, pen, marks.axes);
  }
  const scale = plot.view.scale / pane.view.scale;
  const dots = dotsOf(explorer, pane, plot);
  under.append(
    ...inBackground(explorer, pane, plot),
    drawPoints(dots, plot, pane.dots.diameter, scale),
    ...thumbnails(explorer, pane, plot),
  );
  drawMarks(pen, plot.view, plot.size, PRINT, marks);
  // A point that follows the pointer is no part of a figure.
  const { pinned, panel } = explorer.store.state;
  if (pinned || panel === "mechanism") drawPointer(pen, plot, pane.pointerMarks(PRINT));
  const frame = svg("g", { id: "axes" });
  drawFrame(new SvgPen(frame), plot, axes);
  const { width, height } = plot.size;
  const legend = svg("g", { id: "legend", transform: `translate(0 ${short(height + margin.below + GAP)})` });
  const high = drawLegend(new SvgPen(legend), legend, explorer, run, dots, width);
  const window = { width: short(width), height: short(height) };
  // Named by its size: figures beside each other in one page that share the name share the window too.
  const id = `window-${window.width}-${window.height}`;
  const clip = svg("clipPath", { id }, svg("rect", { x: 0, y: 0, ...window }));
  for (const group of [under, shapes, texts]) group.setAttribute("clip-path", `url(#${id})`);
  const top = EDGE + margin.above;
  const tall = top + height + margin.below + (high ? GAP + high + 2 : 0);
  const title = svg("title");
  title.textContent = printable(`${run.entry.title}, ${sourceName(explorer.manifest)}`);
  root.append(title, svg("defs", {}, clip), svg("rect", { width: short(whole), height: short(tall), fill: PRINT.paper }),
    svg("g", { transform: `translate(${short(margin.left)} ${top})` }, under, shapes, texts, frame, legend));
  for (const [name, value] of Object.entries({
    width: `${mm}mm`, height: `${short(tall * UNIT)}mm`, viewBox: `0 0 ${short(whole)} ${short(tall)}`,
  })) root.setAttribute(name, value);
  return root;
}

/** The map's window, so many units wide. */
function plotOf({ view, size }: Pane, width: number): Plot {
  const scale = width / size.width;
  return { view: { ...view, scale: view.scale * scale }, size: { width, height: size.height * scale } };
}
