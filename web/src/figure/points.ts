/** A figure's points: circles, or one picture where they are too many. */
import type { Explorer } from "../explorer";
import { toScreen } from "../map/camera";
import { paintOf } from "../map/colours";
import { HALO } from "../map/dots";
import type { Pane } from "../map/pane";
import { svg } from "../ui/dom";
import { short } from "./pen";
import { hex, layer, type Plot, PRINT } from "./plot";

/** More are embedded as a picture: a file of so many circles has about 1.5 megabytes. */
export const MOST_CIRCLES = 20_000;

const BEHIND = 0.16; // opacity, as on the screen
const LEAST = 1.6; // units, 0.32 mm: the diameter

export interface Dot {
  index: number;
  x: number;
  y: number;
  /** #rrggbb */
  colour: string;
  /** Neither dimmed nor outside of a selection. */
  front: boolean;
}

/** The points in the plot, those in the background first, else in the order of the screen. */
export function dotsOf(explorer: Explorer, pane: Pane, { view, size }: Plot): Dot[] {
  const places = explorer.places(pane.run);
  const { table, of } = paintOf(explorer, pane.run, PRINT);
  const caught = pane.dots.caught();
  const among = caught && new Set(caught);
  const dots: Dot[] = [];
  for (let index = 0; index < of.length; index++) {
    const [r, g, b, alpha] = table.subarray(4 * of[index], 4 * of[index] + 4);
    const [x, y] = toScreen(view, size, places[2 * index], places[2 * index + 1]);
    if (alpha === 0 || x < 0 || y < 0 || x > size.width || y > size.height) continue;
    dots.push({ index, x, y, colour: hex([r, g, b]), front: alpha === 255 && (!among || among.has(index)) });
  }
  return [...dots.filter((dot) => !dot.front), ...dots.filter((dot) => dot.front)];
}

/** `scale`: units of the figure for a pixel of the screen, where the points have this diameter. */
export function drawPoints(dots: Dot[], plot: Plot, diameter: number, scale: number): SVGElement {
  const radius = Math.max(LEAST, diameter * scale) / 2;
  const halo = HALO * Math.min(1, scale);
  return dots.length > MOST_CIRCLES
    ? layer("points", plot.size, (context) => paintDots(context, dots, radius, halo))
    : circles(dots, radius, halo);
}

function circles(dots: Dot[], radius: number, halo: number): SVGElement {
  const group = svg("g", { id: "points", stroke: PRINT.paper, "stroke-width": short(halo) });
  for (const { x, y, colour, front } of dots) {
    // The halo lies outside of the disc without paint-order, which not every program knows.
    const r = short(front ? radius + halo / 2 : radius);
    const behind = front ? {} : { stroke: "none", opacity: BEHIND };
    group.append(svg("circle", { cx: short(x), cy: short(y), r, fill: colour, ...behind }));
  }
  return group;
}

function paintDots(context: CanvasRenderingContext2D, dots: Dot[], radius: number, halo: number): void {
  const disc = ({ x, y }: Dot, r: number, fill: string) => {
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
  };
  for (const dot of dots) {
    context.globalAlpha = dot.front ? 1 : BEHIND;
    if (dot.front) disc(dot, radius + halo, PRINT.paper);
    disc(dot, radius, dot.colour);
  }
}
