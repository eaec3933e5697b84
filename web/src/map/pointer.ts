/**
 * The marks that move with the pointer: the point, the nearest image, its posterior.
 *
 * Apart from the other marks, and as a few small elements: a canvas as large as the map would have the
 * whole window painted anew at every move, which takes most of a frame without a graphics card.
 */
import { type Gaussian2, ellipseOf } from "../math/frame";
import type { View } from "../state/state";
import { svg } from "../ui/dom";
import { type Size, toScreen } from "./camera";

export interface PointerMarks {
  cursor: [number, number];
  pinned: boolean;
  nearest: { place: [number, number]; colour: string };
  /** Of the nearest image's class, where the map does not have its name; else "". */
  name: string;
  posterior: Gaussian2 | null;
}

export const RADIUS_95 = 2.4477; // √χ²(2, 0.95)
const CROSS = "M4 0H11M-4 0H-11M0 4V11M0-4V-11";

export class PointerLayer {
  private readonly posterior = svg("ellipse", { class: "mark-posterior" });
  private readonly connection = svg("line", { class: "mark-connection" });
  private readonly nearest = svg("circle", { class: "mark-nearest", r: 6 });
  private readonly name = svg("text", { class: "mark-name" });
  private readonly pin = svg("circle", { class: "mark-ink", r: 15 });
  private readonly cursor = svg(
    "g",
    {},
    svg("path", { class: "mark-halo", d: CROSS }),
    svg("path", { class: "mark-ink", d: CROSS }),
    this.pin,
  );
  readonly root = svg(
    "svg",
    { class: "marks", "aria-hidden": "true" },
    this.posterior,
    this.connection,
    this.nearest,
    this.cursor,
    this.name,
  );

  show(view: View, size: Size, marks: PointerMarks): void {
    const [x, y] = toScreen(view, size, ...marks.cursor);
    const [nx, ny] = toScreen(view, size, ...marks.nearest.place);
    set(this.cursor, { transform: `translate(${x} ${y})` });
    this.pin.style.display = marks.pinned ? "" : "none";
    set(this.connection, { x1: x, y1: y, x2: nx, y2: ny });
    set(this.nearest, { cx: nx, cy: ny });
    this.nearest.style.fill = marks.nearest.colour;
    // Towards the middle, so that the map's edge does not cut it.
    const left = nx > size.width / 2;
    set(this.name, { x: nx + (left ? -12 : 12), y: ny - 10, "text-anchor": left ? "end" : "start" });
    this.name.textContent = marks.name;
    this.posterior.style.display = marks.posterior ? "" : "none";
    if (!marks.posterior) return;
    const { major, minor, angle } = ellipseOf(marks.posterior);
    const [cx, cy] = toScreen(view, size, marks.posterior.x, marks.posterior.y);
    const radius = (deviation: number) => Math.max(0.5, RADIUS_95 * deviation * view.scale);
    const turn = `rotate(${(-angle * 180) / Math.PI} ${cx} ${cy})`;
    set(this.posterior, { cx, cy, rx: radius(major), ry: radius(minor), transform: turn });
  }
}

function set(element: SVGElement, attributes: Record<string, string | number>): void {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, typeof value === "number" ? value.toFixed(2) : value);
  }
}
