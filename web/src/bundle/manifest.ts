/** data/manifest.json, as manifest.schema.json declares it. */
import { type Schema, Validator } from "@cfworker/json-schema";
import schema from "./manifest.schema.json";
import type { Manifest, RunEntry } from "./manifest.types";
import { Problem } from "./problem";

export type * from "./manifest.types";

const SCHEMA = schema.properties.schema.const;

/** The manifest in these bytes. Throws Problem "newer" or "malformed". */
export function readManifest(bytes: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem("malformed", { what: String(error) });
  }
  const found = (json as { schema?: unknown } | null)?.schema;
  if (typeof found === "number" && found > SCHEMA) {
    throw new Problem("newer", { found, known: SCHEMA });
  }
  checkAgainstSchema(json);
  const manifest = json as Manifest;
  manifest.runs.forEach(checkLengths);
  return manifest;
}

/** The number of elements of a latent. */
export function latentSize(entry: RunEntry): number {
  return entry.latent.shape.reduce((product, length) => product * length, 1);
}

// Keywords that only pass on what another keyword found inside.
const OUTER = new Set(["properties", "additionalProperties", "items", "$ref", "allOf", "anyOf"]);

function checkAgainstSchema(json: unknown): void {
  const { valid, errors } = new Validator(schema as Schema, "2020-12").validate(json);
  if (valid) return;
  const cause = errors.find(({ keyword }) => !OUTER.has(keyword)) ?? errors[0];
  throw new Problem("malformed", { what: `${cause.instanceLocation.slice(1)} ${cause.error}` });
}

/** What a schema cannot say: these lists have one element for each element of a latent. */
function checkLengths(run: RunEntry, i: number): void {
  const { points, prior, principal, golden } = run;
  const lists = {
    "points/mu": [points.mu.low, points.mu.high],
    "points/log_var": [points.log_var?.low, points.log_var?.high],
    prior: [prior.mean, prior.low, prior.high, prior.covariance, ...prior.covariance],
    "prior/draws": [prior.draws.low, prior.draws.high],
    kl_per_dimension: [run.kl_per_dimension],
    principal: [principal.mean, principal.variances, principal.axes, ...principal.axes],
    golden: [golden.encoded?.mu, ...golden.latents],
  };
  const d = latentSize(run);
  for (const [name, ofLatents] of Object.entries(lists)) {
    const wrong = ofLatents.find((list) => list && list.length !== d);
    if (wrong) {
      const what = `/runs/${i}/${name}: a list of ${wrong.length} elements, latents have ${d}`;
      throw new Problem("malformed", { what });
    }
  }
}
