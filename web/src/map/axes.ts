/** The map's axes on the screen: numbers within its edges, over the points. */
import type { View } from "../state/state";
import { figure } from "../ui/language";
import type { Palette } from "../ui/theme";
import { type Size, ticks, toPlane, toScreen } from "./camera";
import { FONT } from "./overlay";

const TITLES = `italic 600 12px ${FONT}`;

export function drawAxes(
  context: CanvasRenderingContext2D,
  view: View,
  size: Size,
  palette: Palette,
  names: [string, string],
): void {
  const [x0, y1] = toPlane(view, size, 0, 0);
  const [x1, y0] = toPlane(view, size, size.width, size.height);
  context.font = TITLES;
  const title = context.measureText(names[0]).width;
  context.font = `11px ${FONT}`;
  context.fillStyle = palette.muted;
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  const across = ticks(x0, x1, Math.max(4, size.width / 110));
  const up = ticks(y0, y1, Math.max(4, size.height / 90));
  for (const x of across) {
    const [sx] = toScreen(view, size, x, 0);
    context.moveTo(Math.round(sx) + 0.5, size.height);
    context.lineTo(Math.round(sx) + 0.5, size.height - 5);
  }
  for (const y of up) {
    const [, sy] = toScreen(view, size, 0, y);
    context.moveTo(0, Math.round(sy) + 0.5);
    context.lineTo(5, Math.round(sy) + 0.5);
  }
  context.strokeStyle = palette.muted;
  context.stroke();
  context.strokeStyle = palette.paper;
  context.lineWidth = 3;
  const write = (text: string, x: number, y: number) => {
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (const x of across) {
    const [sx] = toScreen(view, size, x, 0);
    if (sx > 34 && sx < size.width - title - 30) write(tick(x), sx, size.height - 9);
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const y of up) {
    const [, sy] = toScreen(view, size, 0, y);
    if (sy > 60 && sy < size.height - 24) write(tick(y), 9, sy);
  }
  context.font = TITLES;
  context.textAlign = "right";
  context.textBaseline = "alphabetic";
  write(names[0], size.width - 10, size.height - 9);
  context.textAlign = "left";
  write(names[1], 9, 52);
}

/** A tick's number for reading. */
export function tick(value: number): string {
  if (value === 0) return "0";
  const digits = Math.abs(value) >= 1000 || Math.abs(value) < 0.001 ? 1 : 4;
  return Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3
    ? value.toExponential(digits)
    : figure(Number(value.toPrecision(6)), 4).replace(/\.?0+$/, "");
}
