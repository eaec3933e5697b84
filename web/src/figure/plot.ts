/** The rectangle of a figure that shows the map's window, and what is in it as a picture. */
import type { Size } from "../map/camera";
import type { View } from "../state/state";
import { svg } from "../ui/dom";
import type { Palette } from "../ui/theme";

/** Millimetres for a unit of the figure: text of 12 units has 6.8 points. */
export const UNIT = 0.2;
export const DPI = 300;
const MM = 25.4; // an inch

export const pixelsOf = (mm: number) => Math.round((mm / MM) * DPI);

/** Paper is white, whatever the page's theme. The other colours are the light theme's. */
export const PRINT: Palette = {
  dark: false,
  paper: "#ffffff",
  ink: "#1d2433",
  muted: "#5b6477",
  line: "#d9dde6",
  accent: "#2a6fb5",
  second: "#c2500a",
};

export interface Plot {
  /** The map's window; its scale in units of the figure. */
  view: View;
  size: Size;
}

/** What `draw` paints in units of the plot, embedded as a picture of 300 dpi. */
export function layer(
  id: string,
  { width, height }: Size,
  draw: (context: CanvasRenderingContext2D, ratio: number) => void,
): SVGImageElement {
  const canvas = document.createElement("canvas");
  const ratio = (UNIT / MM) * DPI;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d")!;
  context.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
  draw(context, ratio);
  const image = svg("image", { id, x: 0, y: 0, width, height, preserveAspectRatio: "none" });
  // Older programs know the attribute by this name alone.
  image.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", canvas.toDataURL("image/png"));
  return image;
}

/** Bytes → #rrggbb. */
export function hex(rgb: readonly number[]): string {
  return `#${rgb.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}
