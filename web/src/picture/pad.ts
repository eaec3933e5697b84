/** A sheet to draw on with mouse, pen or finger. */
import { el } from "../ui/dom";
import type { Ink } from "./mnist";

const SIDE = 280;
const BRUSH = 26; // of 280: about as thick as in MNIST once the digit is fitted into 20 × 20

export class Pad {
  readonly canvas = el("canvas", { class: "pad", width: SIDE, height: SIDE, tabindex: 0 });
  private readonly context = this.canvas.getContext("2d", { willReadFrequently: true })!;
  private drawing = false;

  /** `changed` is called while a stroke goes on, and `finished` after each. */
  constructor(
    private readonly changed: () => void,
    private readonly colour: () => string,
  ) {
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
