/** A figure's axes: a frame, ticks and numbers outside of it, and what the axes are. */
import { ticks, toPlane, toScreen } from "../map/camera";
import { tick } from "../map/axes";
import type { Pen } from "../map/overlay";
import { type Plot, PRINT } from "./plot";

const APART = { across: 70, up: 60 }; // units from one tick to the next, about
const NUMBERS = "12px";
const TITLES = "italic 13px";
const LONG = 5; // units: a tick
const BESIDE = 70; // units: the longest name beside the axis

/** The ticks in the plot's window, and how much room the vertical axis needs beside it. `names`: of the
 * axis across and of the one up, "" for none. */
export function axesOf({ view, size }: Plot, pen: Pen, names: readonly [string, string]): Axes {
  const [x0, y1] = toPlane(view, size, 0, 0);
  const [x1, y0] = toPlane(view, size, size.width, size.height);
  const across = ticks(x0, x1, Math.max(3, size.width / APART.across));
  const up = ticks(y0, y1, Math.max(3, size.height / APART.up));
  pen.font = `${NUMBERS} sans-serif`;
  const wide = names[1] ? Math.max(0, ...up.map((value) => pen.measureText(tick(value)).width)) : 0;
  pen.font = `${TITLES} sans-serif`;
  return { across, up: names[1] ? up : [], names, wide, title: pen.measureText(names[1]).width };
}

export interface Axes {
  across: number[];
  up: number[];
  names: readonly [string, string];
  /** Units: the longest number of the vertical axis, and its name. */
  wide: number;
  title: number;
}

/** Whether the name of the axis up is over it: a long one beside it takes the plot's room. */
const isAbove = ({ title }: Axes) => title > BESIDE;

/** Units that axes take at the left, above and below. */
export const marginOf = (axes: Axes) => ({
  left: axes.wide + (isAbove(axes) ? 16 : axes.title + 22),
  above: isAbove(axes) ? 14 : 0,
  below: 40,
});

export function drawFrame(pen: Pen, { view, size }: Plot, axes: Axes): void {
  const { width, height } = size;
  pen.strokeStyle = pen.fillStyle = PRINT.ink;
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.beginPath();
  pen.rect(0, 0, width, height);
  for (const x of axes.across) {
    const [sx] = toScreen(view, size, x, 0);
    pen.moveTo(sx, height);
    pen.lineTo(sx, height + LONG);
  }
  for (const y of axes.up) {
    const [, sy] = toScreen(view, size, 0, y);
    pen.moveTo(0, sy);
    pen.lineTo(-LONG, sy);
  }
  pen.stroke();
  pen.font = `${NUMBERS} sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  for (const x of axes.across) pen.fillText(tick(x), toScreen(view, size, x, 0)[0], height + 18);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const y of axes.up) pen.fillText(tick(y), -LONG - 4, toScreen(view, size, 0, y)[1]);
  pen.font = `${TITLES} sans-serif`;
  pen.textAlign = "center";
  pen.fillText(axes.names[0], width / 2, height + 31);
  pen.textAlign = isAbove(axes) ? "left" : "right";
  if (isAbove(axes)) pen.fillText(axes.names[1], -axes.wide - 9, -12);
  else pen.fillText(axes.names[1], -axes.wide - 17, height / 2);
}
