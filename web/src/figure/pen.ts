/** Draws as a canvas does, and makes elements of SVG of it: a mark is written once for screen and print. */
import type { Pen } from "../map/overlay";
import { svg } from "../ui/dom";

/** What a figure's text is set in: those that journals take, and one that has Korean. */
export const FONT = "Helvetica, Arial, 'Noto Sans KR', 'Malgun Gothic', sans-serif";

const ANCHORS: Partial<Record<CanvasTextAlign, string>> = { center: "middle", right: "end", end: "end" };
const MIDDLE = 0.35; // of the font's size, from a line's middle down to its base

export class SvgPen implements Pen {
  fillStyle: Pen["fillStyle"] = "#000000";
  strokeStyle: Pen["strokeStyle"] = "#000000";
  lineWidth = 1;
  lineCap: CanvasLineCap = "butt";
  lineJoin: CanvasLineJoin = "miter";
  globalAlpha = 1;
  textAlign: CanvasTextAlign = "start";
  textBaseline: CanvasTextBaseline = "alphabetic";
  font = "12px sans-serif";
  private path = "";
  private dash: number[] = [];
  private readonly ruler = document.createElement("canvas").getContext("2d")!;

  /** Lines and areas go into the first; text into the second, which a clip need not cut. */
  constructor(
    private readonly shapes: SVGElement,
    private readonly texts: SVGElement = shapes,
  ) {}

  beginPath(): void {
    this.path = "";
  }

  closePath(): void {
    this.path += "Z";
  }

  moveTo(x: number, y: number): void {
    this.path += `M${short(x)} ${short(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.path += `L${short(x)} ${short(y)}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.moveTo(x, y);
    this.path += `h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  /** A whole circle: nothing on the map is a part of one. */
  arc(x: number, y: number, radius: number): void {
    this.ellipse(x, y, radius, radius, 0);
  }

  ellipse(x: number, y: number, a: number, b: number, turn: number): void {
    const [dx, dy] = [a * Math.cos(turn), a * Math.sin(turn)];
    const half = (sx: number, sy: number) =>
      `A${short(a)} ${short(b)} ${short((turn * 180) / Math.PI)} 0 1 ${short(sx)} ${short(sy)}`;
    this.moveTo(x + dx, y + dy);
    this.path += `${half(x - dx, y - dy)}${half(x + dx, y + dy)}Z`;
  }

  setLineDash(dash: number[]): void {
    this.dash = dash;
  }

  fill(): void {
    this.add(svg("path", { d: this.path, fill: String(this.fillStyle) }));
  }

  stroke(): void {
    const line = svg("path", { d: this.path, fill: "none", ...this.line() });
    if (this.dash.length > 0) line.setAttribute("stroke-dasharray", this.dash.join(" "));
    this.add(line);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.path = "";
    this.rect(x, y, width, height);
    this.fill();
  }

  fillText(text: string, x: number, y: number): void {
    const element = this.text(text, x, y);
    element.setAttribute("fill", String(this.fillStyle));
    this.add(element, this.texts);
  }

  /** The halo of a text: an element of its own, because not every program knows paint-order. */
  strokeText(text: string, x: number, y: number): void {
    const element = this.text(text, x, y);
    for (const [name, value] of Object.entries({ fill: "none", "aria-hidden": "true", ...this.line() })) {
      element.setAttribute(name, String(value));
    }
    this.add(element, this.texts);
  }

  measureText(text: string): TextMetrics {
    this.ruler.font = this.font.replace(/px .*/, `px ${FONT}`);
    return this.ruler.measureText(text);
  }

  private text(text: string, x: number, y: number): SVGTextElement {
    const [, style = "", weight = "", size] = /^(italic )?(\d+ )?([\d.]+)px/.exec(this.font)!;
    const base = this.textBaseline === "middle" ? y + MIDDLE * Number(size) : y;
    const element = svg("text", { x: short(x), y: short(base), "font-size": size });
    const anchor = ANCHORS[this.textAlign];
    if (anchor) element.setAttribute("text-anchor", anchor);
    if (weight) element.setAttribute("font-weight", weight.trim());
    if (style) element.setAttribute("font-style", style.trim());
    element.textContent = printable(text);
    return element;
  }

  private line(): Record<string, string | number> {
    const { lineWidth, lineCap, lineJoin } = this;
    return {
      stroke: String(this.strokeStyle),
      "stroke-width": lineWidth,
      "stroke-linecap": lineCap,
      "stroke-linejoin": lineJoin,
    };
  }

  private add(element: SVGElement, parent = this.shapes): void {
    if (this.globalAlpha < 1) element.setAttribute("opacity", short(this.globalAlpha));
    parent.append(element);
  }
}

/** Two digits behind the point: 0.002 mm. */
export function short(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** What XML cannot have, not even escaped: controls, and halves of pairs. */
const UNPRINTABLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "\ufffd");
}
