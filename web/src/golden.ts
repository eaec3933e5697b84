/** Does this browser compute what PyTorch did? Checked once for each run. */
import { Problem } from "./bundle/problem";
import { labelOf, type Run } from "./bundle/run";
import { checkedBytes } from "./bundle/source";
import type { Explorer } from "./explorer";
import { asInput } from "./picture/file";

/** Images decoded by PyTorch, n × C × H × W. Also tells how the run's images are drawn. */
export async function goldenImages(explorer: Explorer, run: Run): Promise<Float32Array> {
  const bytes = await checkedBytes(explorer.source, run.entry.golden.images);
  const view = new DataView(bytes.buffer);
  const images = Float32Array.from({ length: bytes.length / 4 }, (_, i) =>
    view.getFloat32(4 * i, true),
  );
  explorer.judgeInk(run, images);
  return images;
}

/** The largest difference of the decoder's images. Throws Problem "golden" where it is too large. */
export async function checkGolden(explorer: Explorer, run: Run): Promise<number> {
  const { latents, label, tolerance, encoded } = run.entry.golden;
  const { title } = run.entry;
  const fail = (difference: number, allowed: number) =>
    new Problem("golden", { title, difference: difference.toPrecision(2), tolerance: allowed });
  const expected = await goldenImages(explorer, run);
  const found = await explorer.pool.decodeAll(run.entry, latents, label ?? undefined);
  const difference = farthest(found, expected);
  if (!(difference <= tolerance)) throw fail(difference, tolerance);
  const picture = encoded && (await run.thumbnails.get(encoded.image_index));
  if (picture) {
    const input = asInput(picture, run.entry.image);
    const own = labelOf(run, encoded.image_index) ?? undefined;
    const [{ mu }] = await explorer.pool.first.encode(run.entry, input, own);
    const allowed = 1e-3 * (1 + Math.max(...encoded.mu.map(Math.abs)));
    const away = farthest(mu, encoded.mu);
    if (!(away <= allowed)) throw fail(away, allowed);
  }
  return difference;
}

function farthest(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i] - expected[i]);
    if (!(difference <= most)) most = difference; // also for NaN
  }
  return most;
}
