/** Pictures side by side, as a PNG whose pixels stay sharp. */
import { type Look, paintSheet, type Picture } from "./picture";

/** Pixels of a side: no browser draws more on every device. */
export const MOST_PIXELS = 16_384;

/** `columns` pictures in each row, every pixel as a square of `times` × `times`. Throws where it is too large. */
export async function stripPng(pictures: Picture[], columns: number, times: number, look: Look): Promise<Blob> {
  const small = document.createElement("canvas");
  paintSheet(small, pictures, columns, look);
  const large = document.createElement("canvas");
  [large.width, large.height] = [small.width * times, small.height * times];
  const context = large.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, large.width, large.height);
  const blob = await new Promise<Blob | null>((done) => large.toBlob(done, "image/png"));
  if (!blob) throw new Error(`no PNG of ${large.width} × ${large.height} pixels`);
  return blob;
}
