/**
 * A drawing as MNIST has its digits: fitted into 20 × 20 with its proportions, then laid into 28 × 28
 * with its centre of mass in the middle (LeCun et al. 1998; yann.lecun.com/exdb/mnist).
 */

/** Ink from 0 to 1, row-major. */
export interface Ink {
  width: number;
  height: number;
  values: Float32Array;
}

/** The digit's bytes, `size` × `size`, or null for an empty drawing. */
export function asDigit(drawing: Ink, size = 28): Uint8ClampedArray | null {
  const box = bounds(drawing);
  if (!box) return null;
  const side = Math.round((20 / 28) * size);
  const scale = side / Math.max(box.width, box.height);
  const small = shrink(drawing, box, scale);
  const [mx, my] = centre(small);
  const left = Math.round(size / 2 - mx);
  const top = Math.round(size / 2 - my);
  const digit = new Uint8ClampedArray(size * size);
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      const [tx, ty] = [left + x, top + y];
      if (tx < 0 || ty < 0 || tx >= size || ty >= size) continue;
      digit[ty * size + tx] = 255 * small.values[y * small.width + x];
    }
  }
  return digit;
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

function bounds({ width, height, values }: Ink): Box | null {
  let [x0, x1, y0, y1] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x] < 0.05) continue;
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      y0 = Math.min(y0, y);
      y1 = Math.max(y1, y);
    }
  }
  return x1 < 0 ? null : { x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 };
}

/** The box resized, every pixel the mean of the area that it covers. */
function shrink(drawing: Ink, box: Box, scale: number): Ink {
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const across = weights(width, box.x, box.width);
  const down = weights(height, box.y, box.height);
  const rows = new Float32Array(height * drawing.width);
  down.forEach((parts, y) => {
    for (const [from, weight] of parts) {
      for (let x = 0; x < drawing.width; x++) {
        rows[y * drawing.width + x] += weight * drawing.values[from * drawing.width + x];
      }
    }
  });
  const values = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    across.forEach((parts, x) => {
      let sum = 0;
      for (const [from, weight] of parts) sum += weight * rows[y * drawing.width + from];
      values[y * width + x] = sum;
    });
  }
  return { width, height, values };
}

/** For each of n pixels: the pixels of [start, start + length) under it and their shares. */
function weights(n: number, start: number, length: number): [number, number][][] {
  return Array.from({ length: n }, (_, i) => {
    const low = (i * length) / n;
    const high = ((i + 1) * length) / n;
    const parts: [number, number][] = [];
    for (let k = Math.floor(low); k < high; k++) {
      const share = Math.min(high, k + 1) - Math.max(low, k);
      if (share > 0) parts.push([start + Math.min(k, length - 1), share / (high - low)]);
    }
    return parts;
  });
}

/** Centre of mass, in pixels from the corner. */
function centre({ width, values }: Ink): [number, number] {
  let [sum, x, y] = [0, 0, 0];
  values.forEach((v, i) => {
    sum += v;
    x += v * ((i % width) + 0.5);
    y += v * (Math.floor(i / width) + 0.5);
  });
  return [x / sum, y / sum];
}
