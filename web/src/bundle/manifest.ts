/** data/manifest.json, schema 1: what reparam/export writes. */
import { Problem } from "./problem";

export const SCHEMA = 1;

export interface FileEntry {
  file: string;
  bytes: number;
  sha256: string;
}

/** uint16, row-major: value = low + (high − low) · u / 65535. */
export interface ScaledEntry extends FileEntry {
  low: number[];
  high: number[];
}

export interface ModelEntry extends FileEntry {
  input: string;
}

export interface ClassEntry {
  name: string;
  colour: string;
}

export interface ImageShape {
  height: number;
  width: number;
  channels: number;
}

export interface ThumbnailEntry {
  width: number;
  height: number;
  columns: number;
  rows: number;
  sheets: FileEntry[];
}

export interface PriorEntry {
  description: string;
  kind: string;
  mean: number[];
  covariance: number[][];
  low: number[] | null;
  high: number[] | null;
  draws: ScaledEntry & { count: number };
}

export interface RunEntry {
  id: string;
  title: string;
  preset: string;
  variational: boolean;
  latent_dim: number;
  image: ImageShape;
  classes: ClassEntry[];
  encoder: ModelEntry & { outputs: string[] };
  decoder: ModelEntry & { output: string };
  points: {
    count: number;
    split: string;
    mu: ScaledEntry;
    log_var: ScaledEntry | null;
    labels: FileEntry | null;
    thumbnails: ThumbnailEntry;
    images_sha256: string;
  };
  prior: PriorEntry;
  kl_per_dimension: number[] | null;
  principal: { mean: number[]; axes: number[][]; variances: number[] };
  golden: {
    latents: number[][];
    images: FileEntry;
    image_index: number;
    mu: number[];
    tolerance: number;
  };
  figures: Record<string, unknown>;
  scorecard: unknown;
}

export interface Manifest {
  schema: number;
  generator: string;
  source: string;
  runs: RunEntry[];
}

type Json = Record<string, unknown>;

/** The manifest in these bytes. Throws Problem "newer" or "malformed". */
export function readManifest(bytes: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem("malformed", { what: String(error) });
  }
  const top = object(json, "the manifest");
  if (typeof top["schema"] !== "number") throw new Problem("malformed", { what: "schema" });
  if (top["schema"] > SCHEMA) {
    throw new Problem("newer", { found: top["schema"], known: SCHEMA });
  }
  const runs = top["runs"];
  if (!Array.isArray(runs) || runs.length === 0) throw new Problem("malformed", { what: "runs" });
  runs.forEach((run, i) => checkRun(object(run, `runs[${i}]`), `runs[${i}]`));
  return top as unknown as Manifest;
}

// Only what the page would otherwise stumble over far from here: each name and its JSON type.
const TEXTS = ["id", "title"];
const NUMBERS = ["latent_dim"];
const OBJECTS = ["image", "encoder", "decoder", "points", "prior", "principal", "golden"];

function checkRun(run: Json, where: string): void {
  for (const name of TEXTS) expect(run, name, "string", where);
  for (const name of NUMBERS) expect(run, name, "number", where);
  for (const name of OBJECTS) object(run[name], `${where}.${name}`);
  const d = run["latent_dim"] as number;
  const points = run["points"] as Json;
  const files: [unknown, string][] = [
    [run["encoder"], "encoder"],
    [run["decoder"], "decoder"],
    [points["mu"], "points.mu"],
    [(run["prior"] as Json)["draws"], "prior.draws"],
    [(run["golden"] as Json)["images"], "golden.images"],
  ];
  for (const [value, name] of files) {
    const entry = object(value, `${where}.${name}`);
    expect(entry, "file", "string", `${where}.${name}`);
    expect(entry, "bytes", "number", `${where}.${name}`);
    expect(entry, "sha256", "string", `${where}.${name}`);
  }
  const low = (points["mu"] as Json)["low"];
  if (!Array.isArray(low) || low.length !== d) {
    throw new Problem("malformed", { what: `${where}.points.mu.low` });
  }
  const classes = run["classes"];
  if (!Array.isArray(classes)) throw new Problem("malformed", { what: `${where}.classes` });
}

function expect(object: Json, name: string, type: string, where: string): void {
  if (typeof object[name] !== type) throw new Problem("malformed", { what: `${where}.${name}` });
}

function object(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("malformed", { what });
  }
  return value as Json;
}
