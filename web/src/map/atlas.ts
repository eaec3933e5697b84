/** All images of a run, small, in one texture: read sheet by sheet. */
import type { Run } from "../bundle/run";
import { toRgba } from "../picture/picture";

/** Pixels of a layer's side. */
export const LAYER = 1024;
const PIXELS = 20e6; // of all layers, about
const [SMALLEST, LARGEST] = [8, 64]; // pixels of a cell's side

export class Atlas {
  readonly cell: number;
  /** Width and height of an image in its cell, pixels. */
  readonly inner: [number, number];
  /** How many images are in the texture: the first ones. */
  ready = 0;
  readonly perLayer: number;

  constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly run: Run,
  ) {
    const { width, height } = run.thumbnails;
    let cell = LARGEST;
    const fits = () => cell * cell * run.count <= PIXELS && cell / 2 < Math.max(width, height);
    while (cell > SMALLEST && !fits()) cell /= 2;
    this.cell = cell;
    const factor = Math.min(1, cell / Math.max(width, height));
    this.inner = [width, height].map((side) => Math.max(1, Math.round(side * factor))) as [number, number];
    this.perLayer = (LAYER / cell) ** 2;
    const layers = Math.max(1, Math.ceil(run.thumbnails.available / this.perLayer));
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, gl.createTexture());
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, LAYER, LAYER, layers);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /** Fills the layers; `more` is called after each. Throws Problem. */
  async fill(more: () => void): Promise<void> {
    const { gl, cell, run, perLayer } = this;
    const { thumbnails } = run;
    const [width, height] = this.inner;
    const whole = new OffscreenCanvas(thumbnails.width, thumbnails.height);
    const own = whole.getContext("2d")!;
    const layer = new OffscreenCanvas(LAYER, LAYER);
    const context = layer.getContext("2d", { willReadFrequently: true })!;
    context.imageSmoothingQuality = "high";
    const exact = width === thumbnails.width && height === thumbnails.height;
    for (let from = 0, k = 0; from < thumbnails.available; from += perLayer, k++) {
      const to = Math.min(thumbnails.available, from + perLayer);
      for (let i = from; i < to; i++) {
        const picture = thumbnails.now(i) ?? (await thumbnails.get(i));
        if (!picture) continue;
        const [x, y] = [((i - from) % (LAYER / cell)) * cell, Math.floor((i - from) / (LAYER / cell)) * cell];
        const data = toRgba(picture, { ink: false, dark: true });
        if (exact) {
          context.putImageData(data, x, y);
        } else {
          own.putImageData(data, 0, 0);
          context.drawImage(whole, x, y, width, height);
        }
      }
      const bytes = context.getImageData(0, 0, LAYER, LAYER).data;
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, k, LAYER, LAYER, 1, gl.RGBA, gl.UNSIGNED_BYTE,
        new Uint8Array(bytes.buffer));
      this.ready = to;
      more();
      // The page stays alive between two layers.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}
