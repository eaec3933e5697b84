/** The pinned point, its nearest image and that image's posterior, as pointer.ts shows them. */
import { toScreen } from "../map/camera";
import type { Pen } from "../map/overlay";
import { type PointerMarks, RADIUS_95 } from "../map/pointer";
import { ellipseOf } from "../math/frame";
import { type Plot, PRINT } from "./plot";

export function drawPointer(pen: Pen, { view, size }: Plot, marks: PointerMarks): void {
  const at = (place: readonly [number, number]) => toScreen(view, size, ...place);
  const [x, y] = at(marks.cursor);
  const [nx, ny] = at(marks.nearest.place);
  const stroke = (colour: string, width: number, dash: number[] = []) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.stroke();
  };
  if (marks.posterior) {
    const { major, minor, angle } = ellipseOf(marks.posterior);
    const [a, b] = [major, minor].map((radius) => Math.max(0.5, RADIUS_95 * radius * view.scale));
    pen.beginPath();
    pen.ellipse(...at([marks.posterior.x, marks.posterior.y]), a, b, -angle, 0, 2 * Math.PI);
    stroke(PRINT.second, 2);
  }
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(nx, ny);
  stroke(PRINT.ink, 1, [1, 3]);
  pen.beginPath();
  pen.arc(nx, ny, 6, 0, 2 * Math.PI);
  pen.fillStyle = marks.nearest.colour;
  pen.fill();
  stroke(PRINT.ink, 1.5);
  for (const [colour, width] of [[PRINT.paper, 4], [PRINT.ink, 1.5]] as const) {
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 4 * dx, y + 4 * dy);
      pen.lineTo(x + 11 * dx, y + 11 * dy);
    }
    stroke(colour, width);
  }
  if (!marks.name) return;
  const left = nx > size.width / 2;
  pen.font = "600 14px sans-serif";
  pen.textAlign = left ? "right" : "left";
  pen.textBaseline = "alphabetic";
  pen.strokeStyle = PRINT.paper;
  pen.lineWidth = 4;
  pen.strokeText(marks.name, nx + (left ? -12 : 12), ny - 10);
  pen.fillStyle = PRINT.ink;
  pen.fillText(marks.name, nx + (left ? -12 : 12), ny - 10);
}
