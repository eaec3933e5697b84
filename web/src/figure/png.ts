/** A figure of SVG as a PNG that says how large it is in print. */
import { DPI } from "./plot";

/** Draws the figure so many pixels wide. Throws where the browser cannot. */
export async function rasterise(figure: SVGSVGElement, width: number): Promise<Blob> {
  const { width: wide, height: tall } = figure.viewBox.baseVal;
  const height = Math.round((width * tall) / wide);
  const sized = figure.cloneNode(true) as SVGSVGElement;
  sized.setAttribute("width", String(width));
  sized.setAttribute("height", String(height));
  sized.setAttribute("preserveAspectRatio", "none");
  const url = URL.createObjectURL(svgFile(sized));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d")!.drawImage(image, 0, 0, width, height);
    const drawn = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
    if (!drawn) throw new Error(`no PNG of ${width} × ${height} pixels`);
    return withSize(new Uint8Array(await drawn.arrayBuffer()));
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function svgFile(figure: SVGSVGElement): Blob {
  const text = new XMLSerializer().serializeToString(figure);
  return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`], { type: "image/svg+xml" });
}

const HEAD = 33; // bytes: the signature and IHDR, which comes first

/** Adds the chunk pHYs: pixels a metre (PNG specification, section 11.3.4.3). */
function withSize(png: Uint8Array<ArrayBuffer>): Blob {
  const chunk = new Uint8Array(21);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, 9);
  chunk.set([...("pHYs")].map((letter) => letter.charCodeAt(0)), 4);
  for (const at of [8, 12]) view.setUint32(at, Math.round(DPI / 0.0254));
  chunk[16] = 1; // metres
  view.setUint32(17, crc32(chunk.subarray(4, 17)));
  return new Blob([png.subarray(0, HEAD), chunk, png.subarray(HEAD)], { type: "image/png" });
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
