/** The points of a map, or their images: one canvas, drawn or moved. */
import { Problem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import type { View } from "../state/state";
import { el } from "../ui/dom";
import { crowd, type Size } from "./camera";
import { Cloud, diameter } from "./cloud";
import { drawn, type Paint, paintOf } from "./colours";
import { Sprites } from "./sprites";

const LEAST = 2.5; // px: the diameter under images, of those that have no room
export const HALO = 0.8; // px around a point, in the colour of the ground
/**
 * Where drawing takes longer than a frame (ms), as it does for tens of thousands of points without a
 * graphics card, the last picture is moved with the map until the map rests, or moves for long.
 */
const SLOW = 16;
const RESTS = 90;
const LONG = 20; // times what a drawing takes

export class Dots {
  readonly canvas = el("canvas", { "aria-hidden": "true" });
  /** When they were first on the screen, milliseconds after the page began. */
  shown: number | null = null;
  /** Their diameter, CSS pixels. */
  diameter = 1;
  /** The images on the map, once they are asked for. */
  sprites: Sprites | null = null;
  private readonly cloud: Cloud | null;
  private paint: Paint | null = null;
  /** The last drawing: of which window, when, and how many milliseconds it took. */
  private last: { view: View; time: number; took: number } | null = null;
  private resting = 0;

  /** `redraw` has them drawn with the next frame. */
  constructor(
    private readonly explorer: Explorer,
    private readonly run: Run,
    private readonly redraw: () => void,
  ) {
    this.cloud = this.openCloud();
  }

  /** Milliseconds that the last drawing took. */
  get took(): number {
    return this.last?.took ?? 0;
  }

  /** Takes over places and colours. */
  refresh(): void {
    this.paint = paintOf(this.explorer, this.run);
    this.cloud?.setPoints(this.explorer.places(this.run), this.paint.of);
    this.cloud?.setColours(this.paint.table, this.paint.behind);
    this.sprites?.refresh();
    this.markCaught();
  }

  /** Those that are selected are in front. */
  markCaught(): void {
    this.cloud?.setCaught(this.caught());
  }

  /** Those that are selected, while the selection is shown; null: none. */
  caught(): readonly number[] | null {
    const { lasso, picked, run, pair, panel } = this.explorer.store.state;
    const main = this.explorer.main();
    const shared = this.run.id === run || (this.run.id === pair && this.explorer.linked());
    // Only where the selection is shown, so that no other tool works on points that are dimmed.
    const marked = shared && panel === "gallery";
    const inLasso = () => (lasso.length > 2 ? this.explorer.members(main, { lasso }) : null);
    return !marked ? null : picked.length > 0 ? picked : inLasso();
  }

  draw(view: View, size: Size, ratio: number): void {
    if (!this.cloud) return;
    const began = performance.now();
    clearTimeout(this.resting);
    const pictures = this.explorer.store.state.points === "pictures";
    this.diameter = pictures ? LEAST : diameter(crowd(this.explorer.places(this.run), view, size));
    const ground = drawn(this.explorer.theme.palette.paper);
    const context = this.canvas.getContext("2d")!;
    this.cloud.draw(context, view, size, { size: this.diameter, halo: HALO, ground, ratio });
    if (pictures && this.paint) {
      this.sprites ??= new Sprites(this.explorer, this.run, this.redraw);
      this.sprites.draw(context, view, size, this.paint, ratio, this.explorer.theme.palette.dark);
    }
    this.canvas.style.transform = "";
    const time = performance.now();
    this.last = { view, time, took: time - began };
    this.shown ??= time;
  }

  /** Moves the last picture to where the points are in this window, where drawing is slow. */
  move(view: View, size: Size, ratio: number): void {
    const { last } = this;
    if (!last || last.took < SLOW || performance.now() - last.time > LONG * last.took) {
      this.draw(view, size, ratio);
      return;
    }
    const [dx, dy] = [last.view.x - view.x, view.y - last.view.y].map((d) => d * view.scale);
    const scale = view.scale / last.view.scale;
    this.canvas.style.transform = `translate(${dx}px, ${dy}px) scale(${scale})`;
    clearTimeout(this.resting);
    this.resting = window.setTimeout(this.redraw, RESTS);
  }

  private openCloud(): Cloud | null {
    try {
      return new Cloud();
    } catch {
      this.explorer.banner.show(new Problem("webgl"));
      return null;
    }
  }
}
