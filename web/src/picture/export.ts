/** Pictures as files: an animation and a strip. */
import { applyPalette, GIFEncoder, quantize } from "gifenc";
import { paintSheet, type Look, type Picture, toRgba } from "./picture";

const ENLARGED = 6;

/** A GIF that goes to the end and back for ever; `delay` in milliseconds a picture. */
export function encodeGif(
  pictures: Picture[],
  look: Look,
  delay: number,
): Uint8Array<ArrayBuffer> {
  const gif = GIFEncoder();
  const back = pictures.slice(1, -1).reverse();
  for (const picture of [...pictures, ...back]) {
    const { width, height, data } = enlarged(toRgba(picture, look));
    const palette = quantize(data, 256);
    gif.writeFrame(applyPalette(data, palette), width, height, { palette, delay });
  }
  gif.finish();
  return gif.bytes() as Uint8Array<ArrayBuffer>;
}

/** The pictures side by side as a PNG, pixel for pixel. */
export async function stripPng(pictures: Picture[], look: Look): Promise<Blob> {
  const canvas = document.createElement("canvas");
  paintSheet(canvas, pictures, pictures.length, look);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png"),
  );
}

function enlarged(image: ImageData): ImageData {
  const times = Math.max(1, Math.round((28 * ENLARGED) / image.width));
  const out = new ImageData(image.width * times, image.height * times);
  const from = new Uint32Array(image.data.buffer);
  const to = new Uint32Array(out.data.buffer);
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const [fx, fy] = [Math.floor(x / times), Math.floor(y / times)];
      to[y * out.width + x] = from[fy * image.width + fx];
    }
  }
  return out;
}
