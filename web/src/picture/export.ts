/** Pictures as files: an animation. */
import { applyPalette, GIFEncoder, quantize } from "gifenc";
import { type Look, type Picture, toRgba } from "./picture";

const SIDE = 168; // pixels: about how wide the animation is

/** A GIF that goes to the end and back for ever; `delay` in milliseconds a picture. */
export function encodeGif(
  pictures: Picture[],
  look: Look,
  delay: number,
): Uint8Array<ArrayBuffer> {
  const gif = GIFEncoder();
  for (const picture of thereAndBack(pictures)) {
    const times = Math.max(1, Math.round(SIDE / picture.width));
    const { width, height, data } = enlarged(toRgba(picture, look), times);
    const palette = quantize(data, 256);
    gif.writeFrame(applyPalette(data, palette), width, height, { palette, delay });
  }
  gif.finish();
  return gif.bytes() as Uint8Array<ArrayBuffer>;
}

/** All pictures, and those between the ends again on the way back. */
export function thereAndBack(pictures: Picture[]): Picture[] {
  return [...pictures, ...pictures.slice(1, -1).reverse()];
}

/** Each pixel as a square of so many. */
export function enlarged(image: ImageData, times: number): ImageData {
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
