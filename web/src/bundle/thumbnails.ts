/** The real images, cut out of sprite sheets that are read when first needed. */
import type { ThumbnailEntry } from "./manifest";
import { Problem } from "./problem";
import { checkedBytes, type Source } from "./source";
import type { Picture } from "../picture/picture";

export class Thumbnails {
  readonly width: number;
  readonly height: number;
  private readonly perSheet: number;
  private readonly sheets = new Map<number, Promise<Uint8Array>>();
  private readonly ready = new Map<number, Uint8Array>();

  constructor(
    private readonly source: Source,
    private readonly entry: ThumbnailEntry,
    private readonly channels: number,
    private readonly count: number,
  ) {
    this.width = entry.width;
    this.height = entry.height;
    this.perSheet = entry.columns * entry.rows;
  }

  /** How many of the points have a picture: those beyond the last sheet have none. */
  get available(): number {
    return Math.min(this.count, this.entry.sheets.length * this.perSheet);
  }

  /** The picture of point i if its sheet is already here. */
  now(i: number): Picture | null {
    const sheet = this.ready.get(Math.floor(i / this.perSheet));
    return sheet ? this.cut(sheet, i) : null;
  }

  /** The picture of point i, or null where it has none. Throws Problem. */
  async get(i: number): Promise<Picture | null> {
    if (i < 0 || i >= this.available) return null;
    const k = Math.floor(i / this.perSheet);
    let sheet = this.sheets.get(k);
    if (!sheet) {
      this.sheets.set(k, (sheet = this.read(k)));
      sheet.catch(() => this.sheets.delete(k)); // the next one asks again
    }
    return this.cut(await sheet, i);
  }

  private cut(sheet: Uint8Array, i: number): Picture {
    const { width, height, channels } = this;
    const shown = channels >= 3 ? 3 : 1;
    const within = i % this.perSheet;
    const left = (within % this.entry.columns) * width;
    const top = Math.floor(within / this.entry.columns) * height;
    const stride = this.entry.columns * width;
    const pixels = new Uint8ClampedArray(width * height * shown);
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * stride + left) * shown;
      pixels.set(sheet.subarray(from, from + width * shown), y * width * shown);
    }
    return { width, height, channels: shown, pixels };
  }

  /** The sheet's bytes, row-major, 1 or 3 a pixel. */
  private async read(k: number): Promise<Uint8Array> {
    const entry = this.entry.sheets[k];
    const bytes = await checkedBytes(this.source, entry);
    let bitmap: ImageBitmap;
    try {
      // Exact bytes: no colour management, no multiplication by alpha.
      bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), {
        colorSpaceConversion: "none",
        premultiplyAlpha: "none",
      });
    } catch (error) {
      throw new Problem("malformed", { what: `${entry.file}: ${String(error)}` });
    }
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.drawImage(bitmap, 0, 0);
    const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    const shown = this.channels >= 3 ? 3 : 1;
    const sheet = new Uint8Array((rgba.length / 4) * shown);
    for (let i = 0, o = 0; i < rgba.length; i += 4) {
      for (let c = 0; c < shown; c++) sheet[o++] = rgba[i + c];
    }
    this.ready.set(k, sheet);
    return sheet;
  }
}
