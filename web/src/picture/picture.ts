/** An image as bytes, and how it is put on a canvas. */

/** Row-major, 1 or 3 bytes a pixel. */
export interface Picture {
  width: number;
  height: number;
  channels: number;
  pixels: Uint8ClampedArray;
}

/** The image at `index` of a decoded batch (B, C, H, W) in [0, 1]. */
export function pictureOf(
  batch: Float32Array,
  index: number,
  shape: { height: number; width: number; channels: number },
): Picture {
  const { height, width, channels } = shape;
  const shown = channels >= 3 ? 3 : 1;
  const plane = height * width;
  const from = index * plane * channels;
  const pixels = new Uint8ClampedArray(plane * shown);
  for (let i = 0; i < plane; i++) {
    // Uint8ClampedArray rounds to the nearest byte.
    for (let c = 0; c < shown; c++) pixels[i * shown + c] = batch[from + c * plane + i] * 255;
  }
  return { width, height, channels: shown, pixels };
}

/** How grey images look: `ink` draws 0 as paper and 255 as ink, so that a digit is dark by day. */
export interface Look {
  ink: boolean;
  dark: boolean;
}

/** The picture as RGBA. `see` leaves the paper transparent, for a background. */
export function toRgba(picture: Picture, look: Look, see = false): ImageData {
  const { width, height, channels, pixels } = picture;
  const image = new ImageData(width, height);
  const out = image.data;
  const invert = channels === 1 && look.ink && !look.dark;
  for (let i = 0, o = 0; o < out.length; i += channels, o += 4) {
    if (channels === 1) {
      const v = invert ? 255 - pixels[i] : pixels[i];
      if (see && look.ink) {
        out[o] = out[o + 1] = out[o + 2] = look.dark ? 255 : 0;
        out[o + 3] = pixels[i];
        continue;
      }
      out[o] = out[o + 1] = out[o + 2] = v;
    } else {
      out[o] = pixels[i];
      out[o + 1] = pixels[i + 1];
      out[o + 2] = pixels[i + 2];
    }
    out[o + 3] = 255;
  }
  return image;
}

/** Puts the picture on a canvas of its own size; CSS makes it larger, pixel by pixel. */
export function paint(canvas: HTMLCanvasElement, picture: Picture | null, look: Look): void {
  const context = canvas.getContext("2d")!;
  if (!picture) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    return;
  }
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  context.putImageData(toRgba(picture, look), 0, 0);
}

/** Many pictures in rows, side by side, on one canvas. */
export function paintSheet(
  canvas: HTMLCanvasElement,
  pictures: Picture[],
  columns: number,
  look: Look,
  gap = 0,
): void {
  const first = pictures[0];
  const context = canvas.getContext("2d")!;
  if (!first) {
    canvas.width = canvas.height = 1;
    return;
  }
  const across = Math.min(columns, pictures.length);
  const rows = Math.ceil(pictures.length / columns);
  canvas.width = across * (first.width + gap) - gap;
  canvas.height = rows * (first.height + gap) - gap;
  pictures.forEach((picture, i) => {
    const x = (i % columns) * (first.width + gap);
    const y = Math.floor(i / columns) * (first.height + gap);
    context.putImageData(toRgba(picture, look), x, y);
  });
}

/** Whether grey images lie on a black ground, as digits do: most of their pixels are dark. */
export function isInk(batch: Float32Array, channels: number): boolean {
  if (channels !== 1) return false;
  let dark = 0;
  for (const v of batch) if (v < 0.25) dark++;
  return dark > 0.6 * batch.length;
}
