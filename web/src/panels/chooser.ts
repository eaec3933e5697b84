/** The channels of a latent that is a map, side by side; a click or the arrow keys choose a position. */
import { el } from "../ui/dom";
import { t } from "../ui/language";
import type { Palette } from "../ui/theme";
import { heat, paintHeat } from "./heat";

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

export class Chooser {
  readonly root = el("div", { class: "positions", tabindex: 0, role: "slider" });
  row = 0;
  column = 0;
  private readonly canvases: HTMLCanvasElement[];
  private readonly frames: HTMLElement[];

  /** `shape`: channels, height and width. `choose` is called after another position was chosen. */
  constructor(
    private readonly shape: readonly [number, number, number],
    choose: () => void,
  ) {
    const [channels, height, width] = shape;
    this.canvases = Array.from({ length: channels }, () => el("canvas", { class: "channel" }));
    this.frames = this.canvases.map(() => el("span", { class: "position", "aria-hidden": "true" }));
    this.root.setAttribute("aria-valuemin", "1");
    this.root.setAttribute("aria-valuemax", String(height * width));
    this.root.append(...this.canvases.map((canvas, c) => {
      const box = el("div", { class: "channel-box" }, canvas, this.frames[c]);
      box.style.aspectRatio = `${width} / ${height}`;
      box.addEventListener("click", (event) => {
        const { left, top, width: across, height: down } = canvas.getBoundingClientRect();
        this.go(((event.clientY - top) / down) * height, ((event.clientX - left) / across) * width, choose);
      });
      return el("figure", {}, box, el("figcaption", {}, t("channel", { i: c + 1 })));
    }));
    this.root.setAttribute("aria-label", t("positionChoose"));
    this.root.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
      this.go(this.row + arrow[0], this.column + arrow[1], choose);
      event.preventDefault();
    });
    this.mark();
  }

  /** Places of the chosen position's values in a latent, one for each channel. */
  get elements(): number[] {
    const [channels, height, width] = this.shape;
    return Array.from({ length: channels }, (_, c) => (c * height + this.row) * width + this.column);
  }

  /** Shows a latent; `most`: the value with the full colour. */
  paint(z: readonly number[], most: number, palette: Palette): void {
    const [, height, width] = this.shape;
    const size = height * width;
    this.canvases.forEach((canvas, c) =>
      paintHeat(canvas, heat(z.slice(c * size, (c + 1) * size), width, most, palette)),
    );
  }

  private go(row: number, column: number, choose: () => void): void {
    const [, height, width] = this.shape;
    const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(value)));
    this.row = within(row, height);
    this.column = within(column, width);
    this.mark();
    choose();
  }

  private mark(): void {
    const [, height, width] = this.shape;
    for (const { style } of this.frames) {
      style.left = `${(100 * this.column) / width}%`;
      style.top = `${(100 * this.row) / height}%`;
      style.width = `${100 / width}%`;
      style.height = `${100 / height}%`;
    }
    this.root.setAttribute("aria-valuenow", String(this.row * width + this.column + 1));
    this.root.setAttribute("aria-valuetext", t("positionAt", { row: this.row + 1, column: this.column + 1 }));
  }
}
