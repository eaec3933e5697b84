/** Signed numbers as colours: paper at 0, one colour for each sign, full at `most`. */
import type { Palette } from "../ui/theme";

/** Row-major values as a picture; NaN and a `most` of 0 are paper. */
export function heat(values: ArrayLike<number>, width: number, most: number, palette: Palette): ImageData {
  const picture = new ImageData(width, values.length / width);
  const paper = bytes(palette.paper);
  const signs = [bytes(palette.second), bytes(palette.accent)]; // below and above 0
  for (let i = 0; i < values.length; i++) {
    const share = Math.min(1, Math.abs(values[i]) / most) || 0;
    const colour = signs[values[i] < 0 ? 0 : 1];
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = paper[c] + share * (colour[c] - paper[c]);
    picture.data[4 * i + 3] = 255;
  }
  return picture;
}

export function paintHeat(canvas: HTMLCanvasElement, picture: ImageData): void {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d")!.putImageData(picture, 0, 0);
}

/** #rrggbb → its three bytes. */
function bytes(colour: string): number[] {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}
