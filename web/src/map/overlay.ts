/** What lies over the points and stays where the pointer goes: rings, names, lines. */
import { type Gaussian2, ellipseOf } from "../math/frame";
import type { View } from "../state/state";
import type { Palette } from "../ui/theme";
import { type Size, toScreen } from "./camera";

type Place = readonly [number, number];

export interface Marks {
  axes: [string, string];
  /** The prior's one-deviation ellipse, or its box. */
  prior: Gaussian2 | null;
  box: { low: Place; high: Place } | null;
  /** Of classes, those of most points first. */
  names: { place: Place; text: string; colour: string }[];
  /** The path's line and its points, and the place on it. */
  line: Place[];
  stops: Place[];
  on: Place | null;
  /** Encodings of the drawing, oldest first. */
  trail: Place[];
  /** Draws from one image's posterior. */
  draws: Place[];
  /** Draws from the prior, and which is chosen. */
  samples: Place[];
  chosen: number;
  lasso: Place[];
  /** Whether the lasso is still being drawn. */
  open: boolean;
}

/** A name on the map: its middle and half its width, CSS pixels. */
export interface DrawnName {
  text: string;
  x: number;
  y: number;
  half: number;
}

export const FONT = "system-ui, sans-serif";
const MOST_NAMES = 20;
const LINE = 22; // px from one name to the next, with the bar below it

/** What marks are drawn with: a canvas, or figure/pen.ts, which writes SVG. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | "arc" | "beginPath" | "closePath" | "ellipse" | "fill" | "fillRect" | "fillStyle" | "fillText" | "font"
  | "globalAlpha" | "lineCap" | "lineJoin" | "lineTo" | "lineWidth" | "measureText" | "moveTo" | "rect"
  | "setLineDash" | "stroke" | "strokeStyle" | "strokeText" | "textAlign" | "textBaseline"
>;

/** Draws the marks; gives the names that had room. */
export function drawMarks(
  context: Pen,
  view: View,
  size: Size,
  palette: Palette,
  marks: Marks,
): DrawnName[] {
  const at = (place: Place) => toScreen(view, size, place[0], place[1]);
  context.lineJoin = context.lineCap = "round";
  if (marks.prior) {
    for (const times of [1, 2, 3]) ring(marks.prior, times);
  }
  if (marks.box) box(marks.box);
  const names = drawNames();
  if (marks.lasso.length > 1) polyline(marks.lasso, palette.accent, 1.5, !marks.open);
  if (marks.line.length > 1) polyline(marks.line, palette.second, 2, false);
  marks.stops.forEach((stop, i) => numbered(at(stop), String(i + 1)));
  if (marks.on) disc(at(marks.on), 6, palette.second, palette.paper);
  drawTrail();
  for (const draw of marks.draws) disc(at(draw), 2.5, palette.second, palette.paper);
  marks.samples.forEach((place) => square(at(place), 4, palette.paper));
  const chosen = marks.samples[marks.chosen];
  if (chosen) square(at(chosen), 7, palette.second);
  return names;

  function square([x, y]: Place, half: number, fill: string): void {
    context.beginPath();
    context.rect(x - half, y - half, 2 * half, 2 * half);
    context.fillStyle = fill;
    context.fill();
    stroke(palette.ink, 1.5, []);
  }

  function ring(g: Gaussian2, times: number): void {
    const { major, minor, angle } = ellipseOf(g);
    const [x, y] = at([g.x, g.y]);
    const radii = [major, minor].map((r) => Math.max(0.5, r * times * view.scale));
    context.beginPath();
    context.ellipse(x, y, radii[0], radii[1], -angle, 0, 2 * Math.PI);
    stroke(palette.muted, 1, [4, 4]);
  }

  function box(corners: { low: Place; high: Place }): void {
    const [x0, y1] = at(corners.low);
    const [x1, y0] = at(corners.high);
    context.beginPath();
    context.rect(x0, y0, x1 - x0, y1 - y0);
    stroke(palette.muted, 1, [4, 4]);
  }

  function polyline(places: Place[], colour: string, width: number, closed: boolean): void {
    context.beginPath();
    places.forEach((place, i) => (i ? context.lineTo(...at(place)) : context.moveTo(...at(place))));
    if (closed) {
      context.closePath();
      context.globalAlpha = 0.1;
      context.fillStyle = colour;
      context.fill();
      context.globalAlpha = 1;
    }
    stroke(colour, width, []);
  }

  function drawTrail(): void {
    const { trail } = marks;
    if (trail.length === 0) return;
    polyline(trail, palette.accent, 1.5, false);
    trail.forEach((place, i) => {
      context.globalAlpha = 0.25 + (0.75 * (i + 1)) / trail.length;
      const last = i === trail.length - 1;
      disc(at(place), last ? 7 : 2.5, palette.accent, palette.paper);
    });
    context.globalAlpha = 1;
  }

  /** The first names that have room, each at its place or a line above or below. */
  function drawNames(): DrawnName[] {
    context.font = `600 14px ${FONT}`;
    const taken: DrawnName[] = [];
    for (const { place, text, colour } of marks.names) {
      if (taken.length === MOST_NAMES) break;
      const short = text.length > 22 ? `${text.slice(0, 21)}…` : text;
      const half = context.measureText(short).width / 2;
      const [x0, y0] = at(place);
      if (x0 < 0 || x0 > size.width || y0 < 0 || y0 > size.height) continue;
      // The map's edge cuts no name.
      const x = within(x0, half + 4, size.width - half - 4);
      const middle = within(y0, 12, size.height - 16);
      const free = (y: number) =>
        taken.every((t) => Math.abs(t.y - y) >= LINE || Math.abs(t.x - x) >= t.half + half + 6);
      const y = [middle, middle - LINE, middle + LINE].find(free);
      if (y === undefined) continue;
      taken.push({ text, x, y, half });
      label([x, y], short, half, colour);
    }
    return taken;
  }

  function label([x, y]: Place, text: string, half: number, colour: string): void {
    context.font = `600 14px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.strokeStyle = palette.paper;
    context.strokeText(text, x, y);
    context.fillStyle = palette.ink;
    context.fillText(text, x, y);
    context.fillStyle = colour;
    context.fillRect(x - half, y + 9, 2 * half, 3);
  }

  function numbered([x, y]: Place, text: string): void {
    disc([x, y], 9, palette.paper, palette.second);
    context.font = `600 11px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = palette.ink;
    context.fillText(text, x, y + 0.5);
  }

  function disc([x, y]: Place, radius: number, fill: string, edge: string): void {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    stroke(edge, 1.5, []);
  }

  function stroke(colour: string, width: number, dash: number[]): void {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }
}

const within = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));
