/** One engine for what follows the pointer, others for pictures by the hundred. */
import { latentSize, type RunEntry } from "../bundle/manifest";
import type { Source } from "../bundle/source";
import { Engine, isOneFile } from "./engine";

// Larger batches are no faster, and what follows the pointer waits for one batch.
const PART = 10;
const MOST_THREADS = 4;

export class Pool {
  readonly first: Engine;
  /** Whether all engines stand. */
  isWarm = false;
  private helpers: Engine[] | undefined;

  /** `chosen`: the class that conditional models decode to where no other is asked for. */
  constructor(
    private readonly source: Source,
    private readonly chosen: () => number,
  ) {
    this.first = new Engine(source, chosen, threads());
  }

  /**
   * Decodes n × d latents; `onPart` gets each decoded part and the index of its first latent.
   * Resolves to false where `signal` stopped it. Throws Problem.
   */
  async decodeMany(
    entry: RunEntry,
    latents: Float32Array<ArrayBuffer>,
    onPart: (images: Float32Array, from: number) => void,
    signal?: AbortSignal,
    label = this.chosen(),
  ): Promise<boolean> {
    const d = latentSize(entry);
    const n = latents.length / d;
    let next = 0;
    const work = async (engine: Engine) => {
      if (!(await this.stands(engine, entry))) return;
      while (next < n && !signal?.aborted) {
        const from = next;
        next += PART;
        const part = latents.slice(from * d, Math.min(n, next) * d);
        const images = await engine.decode(entry, part, label);
        if (!signal?.aborted) onPart(images, from);
      }
    };
    await Promise.all(this.engines(n).map(work));
    if (next < n) await work(this.first); // no other engine stood
    return !signal?.aborted;
  }

  /** A few pictures leave the first engine to the pointer; a grid takes all cores. */
  private engines(pictures: number): Engine[] {
    if (pictures <= 4 * PART) return [this.isWarm ? this.others()[0] : this.first];
    const leavesFirst = this.isWarm && this.first.threads > 1;
    return leavesFirst ? this.others() : [this.first, ...this.others()];
  }

  /** Starts the other engines, so that the first grid does not wait for them. */
  async warm(entry: RunEntry): Promise<void> {
    for (const engine of this.others()) if (!(await this.stands(engine, entry))) return;
    this.isWarm = true;
  }

  /** Loads the network; where the first engine alone can, as on a phone, it does the others' work. */
  private async stands(engine: Engine, entry: RunEntry): Promise<boolean> {
    try {
      await engine.load(entry, "decoder");
      return true;
    } catch (error) {
      if (engine === this.first) throw error;
      this.helpers = [];
      this.isWarm = false;
      return false;
    }
  }

  /** Of one thread each, which wait for nobody: one, or two where the first is left to the pointer. */
  private others(): Engine[] {
    return (this.helpers ??= Array.from(
      { length: Math.min(this.first.threads, 2) },
      () => new Engine(this.source, this.chosen),
    ));
  }

  /** All decoded images of n × d latents at once. */
  async decodeAll(
    entry: RunEntry,
    latents: readonly (readonly number[])[],
    label?: number,
  ): Promise<Float32Array> {
    const { height, width, channels } = entry.image;
    const size = height * width * channels;
    const all = new Float32Array(latents.length * size);
    const flat = Float32Array.from(latents.flat());
    const keep = (images: Float32Array, from: number) => all.set(images, from * size);
    await this.decodeMany(entry, flat, keep, undefined, label);
    return all;
  }
}

/** Several where the server's headers let the page share memory; a core may be counted twice. */
function threads(): number {
  const cores = navigator.hardwareConcurrency ?? 1;
  if (!crossOriginIsolated || isOneFile() || cores < 2) return 1;
  return Math.min(MOST_THREADS, Math.max(2, Math.ceil(cores / 2)));
}
