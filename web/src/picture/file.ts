/** An image file as the model's input. */
import type { ImageShape } from "../bundle/manifest";
import type { Picture } from "./picture";

/** The middle of the image, in the model's size and channels. Throws where it is no image. */
export async function readImageFile(file: Blob, shape: ImageShape): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const { width, height } = shape;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  // What covers the whole input: the sides that stand over are cut off.
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = scale !== 1;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  const rgba = context.getImageData(0, 0, width, height).data;
  const channels = shape.channels >= 3 ? 3 : 1;
  const pixels = new Uint8ClampedArray(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]];
    // ITU-R BT.601, as Pillow's convert("L").
    if (channels === 1) pixels[i] = 0.299 * r + 0.587 * g + 0.114 * b;
    else pixels.set([r, g, b], 3 * i);
  }
  return { width, height, channels, pixels };
}

/** Dark for light and light for dark. */
export function inverted(picture: Picture): Picture {
  return { ...picture, pixels: picture.pixels.map((v) => 255 - v) };
}

/** Whether the picture's rim is light, as paper is. */
export function onPaper({ width, height, channels, pixels }: Picture): boolean {
  let sum = 0;
  let n = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
      sum += pixels[(y * width + x) * channels];
      n++;
    }
  }
  return sum / n > 127;
}

/** Bytes as the encoder takes them: (1, C, H, W) in [0, 1]. */
export function asInput(picture: Picture, shape: ImageShape): Float32Array<ArrayBuffer> {
  const plane = shape.width * shape.height;
  const input = new Float32Array(plane * shape.channels);
  for (let c = 0; c < shape.channels; c++) {
    for (let i = 0; i < plane; i++) {
      // A fourth channel is opacity: opaque.
      input[c * plane + i] = c < picture.channels ? picture.pixels[i * picture.channels + c] / 255 : 1;
    }
  }
  return input;
}
