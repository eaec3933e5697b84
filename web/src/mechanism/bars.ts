/** Many dimensions as a picture: a column for each, of intervals, of draws, or of amounts. */
import { svg } from "../ui/dom";
import { figure } from "../ui/language";

export interface Bar {
  name: string;
  /** What is under the column. */
  lines: readonly string[];
  /** From where to where a broad bar stands; null: none. */
  band: readonly [number, number] | null;
  /** Where a point stands; null: none. */
  point: number | null;
}

const [WIDTH, LEFT, ABOVE, PLOT, LINE] = [380, 30, 5, 77, 11];

export class Bars {
  readonly root = svg("svg", { class: "dims", role: "img" });
  readonly wide = true;
  private low = 0;
  private high = 1;
  private count = 1;
  private height = 0;

  /** `heads`: of the lines under the columns, where these are more than one. */
  show(bars: readonly Bar[], low: number, high: number, kind: string, heads: readonly string[] = []): void {
    [this.low, this.high, this.count] = [low, high, bars.length];
    this.height = ABOVE + PLOT + LINE * Math.max(1, heads.length) + 3;
    this.root.setAttribute("viewBox", `0 0 ${WIDTH} ${this.height}`);
    this.root.replaceChildren();
    const under = (line: number) => ABOVE + PLOT + LINE * (line + 1);
    heads.forEach((head, line) => this.root.append(written(head, LEFT - 4, under(line), "end")));
    const step = (WIDTH - LEFT) / bars.length;
    for (const value of new Set([low, 0, high])) {
      const y = this.y(value);
      this.root.append(
        svg("line", { class: value === 0 ? "dims-zero" : "dims-line", x1: LEFT, x2: WIDTH, y1: y, y2: y }),
      );
      this.root.append(written(figure(value, high - low < 2 ? 2 : 1), LEFT - 4, y + 3, "end"));
    }
    const wide = Math.min(14, 0.62 * step);
    bars.forEach(({ name, lines, band, point }, i) => {
      const x = LEFT + (i + 0.5) * step;
      const title = svg("title");
      title.textContent = name;
      const column = svg("g", {}, title);
      this.root.append(column);
      if (band) {
        const [y1, y0] = band.map((v) => this.y(v));
        const [y, height] = [Math.min(y0, y1), Math.max(1.5, Math.abs(y1 - y0))];
        column.append(svg("rect", { class: kind, x: x - wide / 2, y, width: wide, height, rx: 1.5 }));
      }
      if (point !== null) {
        column.append(svg("circle", { class: "dims-point", cx: x, cy: this.y(point), r: Math.min(4, 0.3 * step) }));
      }
      column.append(...lines.map((text, line) => written(text, x, under(line), "middle")));
    });
  }

  /** The column under a pointer and the value at its height. */
  under(event: PointerEvent): { index: number; value: number } {
    const box = this.root.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH - LEFT;
    const y = ((event.clientY - box.top) / box.height) * this.height;
    const index = Math.floor((x / (WIDTH - LEFT)) * this.count);
    const share = (ABOVE + PLOT - y) / PLOT;
    return {
      index: Math.max(0, Math.min(this.count - 1, index)),
      value: this.low + share * (this.high - this.low),
    };
  }

  private y(value: number): number {
    const held = Math.max(this.low, Math.min(this.high, value));
    const share = (held - this.low) / (this.high - this.low);
    return ABOVE + PLOT - share * PLOT;
  }
}

function written(text: string, x: number, y: number, anchor: string): SVGTextElement {
  const element = svg("text", { class: "dims-text", x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}
