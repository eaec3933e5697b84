/** A sheet to draw on with mouse, pen, finger or keys. */
import { el } from "../ui/dom";
import type { Ink } from "./mnist";

const SIDE = 280;
const BRUSH = 26; // of 280: about as thick as in MNIST once the digit is fitted into 20 × 20
const [STEP, SMALL] = [10, 2]; // of 280: how far an arrow key moves the pen, and with Alt

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class Pad {
  readonly canvas = el("canvas", {
    class: "pad", width: SIDE, height: SIDE, tabindex: 0, role: "application",
  });
  /** Where the keys' pen is, over the sheet: the canvas itself holds nothing but ink. */
  private readonly pen = el("span", { class: "pad-pen", "aria-hidden": "true" });
  readonly root = el("div", { class: "pad-box" }, this.canvas, this.pen);
  private readonly context = this.canvas.getContext("2d", { willReadFrequently: true })!;
  private drawing = false;
  private at: [number, number] = [SIDE / 2, SIDE / 2];
  private down = false;

  /** `changed` is called after each part of a stroke, `moved` after keys put the pen down or lift it. */
  constructor(
    private readonly changed: () => void,
    private readonly colour: () => string,
    private readonly moved: (down: boolean) => void,
  ) {
    this.listenPointer();
    this.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      const arrow = ARROWS[event.key];
      if (arrow) this.step(arrow, event.altKey ? SMALL : STEP);
      else if (event.key === " " || event.key === "Enter") this.put(!this.down);
      else if (event.key === "Escape" && this.down) this.put(false);
      else return;
      event.preventDefault();
    });
    this.canvas.addEventListener("blur", () => this.down && this.put(false));
    this.showPen();
  }

  clear(): void {
    this.context.clearRect(0, 0, SIDE, SIDE);
    this.changed();
  }

  /** The ink is in the canvas's alpha: its colour is the theme's. */
  ink(): Ink {
    const { data } = this.context.getImageData(0, 0, SIDE, SIDE);
    const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i + 3] / 255);
    return { width: SIDE, height: SIDE, values };
  }

  /** Draws what is there in the colour of now. */
  recolour(): void {
    this.context.globalCompositeOperation = "source-in";
    this.context.fillStyle = this.colour();
    this.context.fillRect(0, 0, SIDE, SIDE);
    this.context.globalCompositeOperation = "source-over";
  }

  private listenPointer(): void {
    let last: [number, number] = [0, 0];
    const place = (event: PointerEvent): [number, number] => {
      const box = this.canvas.getBoundingClientRect();
      const scale = SIDE / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.drawing = true;
      last = place(event);
      this.line(last, last);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.drawing) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const next = place(one);
        this.line(last, next);
        last = next;
      }
    });
    const end = () => (this.drawing = false);
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", end);
  }

  private step([dx, dy]: readonly [number, number], by: number): void {
    const before = this.at;
    const within = (v: number) => Math.max(0, Math.min(SIDE, v));
    this.at = [within(before[0] + by * dx), within(before[1] + by * dy)];
    if (this.down) this.line(before, this.at);
    this.showPen();
  }

  private put(down: boolean): void {
    this.down = down;
    if (down) this.line(this.at, this.at);
    this.showPen();
    this.moved(down);
  }

  private showPen(): void {
    this.pen.style.left = `${(100 * this.at[0]) / SIDE}%`;
    this.pen.style.top = `${(100 * this.at[1]) / SIDE}%`;
    this.pen.classList.toggle("down", this.down);
  }

  private line(a: readonly [number, number], b: readonly [number, number]): void {
    const { context } = this;
    context.strokeStyle = this.colour();
    context.lineWidth = BRUSH;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0] + 0.01, b[1]);
    context.stroke();
    this.changed();
  }
}
