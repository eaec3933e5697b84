/** A run's points in memory. */
import { type Column, readColumn } from "./columns";
import { type FileEntry, latentSize, type RunEntry, type ScaledEntry } from "./manifest";
import { Problem } from "./problem";
import { checkedBytes, type Source } from "./source";
import { Thumbnails } from "./thumbnails";

export const NO_LABEL = 65535;

export interface Run {
  readonly entry: RunEntry;
  readonly id: string;
  readonly d: number;
  readonly count: number;
  /** Posterior means, count × d. */
  readonly mu: Float32Array;
  /** Class of each point, or NO_LABEL; all NO_LABEL without labels. */
  readonly labels: Uint16Array;
  readonly thumbnails: Thumbnails;
  /** Those that have been read, by name. */
  readonly columns: Map<string, Column>;
  /** Reads all of them. */
  readColumns(): Promise<void>;
  /** The path of each image in its folder, or null for images of no files. Read when first asked for. */
  files(): Promise<readonly string[] | null>;
  /** Log-variances, count × d, or null for a run without them. Read when first asked for. */
  logVar(): Promise<Float32Array | null>;
  /** Draws from the prior, n × d. Read when first asked for. */
  draws(): Promise<Float32Array>;
  /** The training images nearest to the first draws, or null. Read when first asked for. */
  nearest(): Promise<NearestTraining | null>;
}

/** As NearestEntry of the schema says. */
export interface NearestTraining {
  label: (number | null)[];
  latent: number[];
  latent_distance: number[];
  pixels: number[] | null;
  pixel_distance: number[] | null;
  thumbnails: Thumbnails;
}

export async function loadRun(source: Source, entry: RunEntry): Promise<Run> {
  const { count, labels, mu, log_var, thumbnails, files } = entry.points;
  const columns = new Map<string, Column>();
  const [means, classes] = await Promise.all([
    readScaled(source, mu),
    labels ? readUint16(source, labels) : new Uint16Array(count).fill(NO_LABEL),
  ]);
  return {
    entry,
    id: entry.id,
    d: latentSize(entry),
    count,
    mu: means,
    labels: classes,
    thumbnails: new Thumbnails(source, thumbnails, entry.image.channels, count),
    columns,
    readColumns: once(async () => {
      const read = entry.points.columns.map((column) => readColumn(source, column, count));
      for (const column of await Promise.all(read)) columns.set(column.name, column);
    }),
    files: once(async () => (files ? readNames(source, files, count) : null)),
    logVar: once(async () => (log_var ? readScaled(source, log_var) : null)),
    draws: once(() => readScaled(source, entry.prior.draws)),
    nearest: once(() => readNearest(source, entry)),
  };
}

/** The class of point i, or null. */
export function labelOf(run: Run, i: number): number | null {
  const label = run.labels[i];
  return label < run.entry.classes.length ? label : null;
}

/** The latent of point i. */
export function meanOf(run: Run, i: number): number[] {
  return Array.from(run.mu.subarray(i * run.d, (i + 1) * run.d));
}

async function readNames(source: Source, entry: FileEntry, count: number): Promise<string[]> {
  const names: unknown = JSON.parse(new TextDecoder().decode(await checkedBytes(source, entry)));
  if (!Array.isArray(names) || names.length !== count) {
    throw new Problem("malformed", { what: `${entry.file}: not a list of ${count} names` });
  }
  return names.map(String);
}

async function readNearest(source: Source, entry: RunEntry): Promise<NearestTraining | null> {
  const { nearest } = entry.prior;
  if (!nearest) return null;
  const text = new TextDecoder().decode(await checkedBytes(source, nearest));
  const found = JSON.parse(text) as Omit<NearestTraining, "thumbnails">;
  const { draws, count } = nearest;
  const whole = [found.latent, found.latent_distance, found.pixels, found.pixel_distance].every(
    (list) => list === null || (Array.isArray(list) && list.length === draws),
  );
  if (!whole || !Array.isArray(found.label) || found.label.length !== count) {
    throw new Problem("malformed", { what: `${nearest.file}: not lists of ${draws} and ${count}` });
  }
  const thumbnails = new Thumbnails(source, nearest.thumbnails, entry.image.channels, count);
  return { ...found, thumbnails };
}

async function readUint16(source: Source, entry: Parameters<typeof checkedBytes>[1]) {
  const bytes = await checkedBytes(source, entry);
  const view = new DataView(bytes.buffer);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
}

async function readScaled(source: Source, entry: ScaledEntry): Promise<Float32Array> {
  const codes = await readUint16(source, entry);
  const d = entry.low.length;
  const step = entry.low.map((low, j) => (entry.high[j] - low) / 65535);
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = entry.low[i % d] + step[i % d] * codes[i];
  return values;
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  return () => {
    value ??= read().catch((error: unknown) => {
      value = undefined; // the next one asks again
      throw error;
    });
    return value;
  };
}
