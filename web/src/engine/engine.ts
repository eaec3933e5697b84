/** The networks, as functions of arrays. */
import scriptUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { latentSize, type RunEntry } from "../bundle/manifest";
import { Problem } from "../bundle/problem";
import { checkedBytes, fromBase64, type Source } from "../bundle/source";
import type { Answer, LoadMessage, RunMessage, StartMessage } from "./protocol";

export interface Encoded {
  mu: number[];
  logVar: number[] | null;
}

type Message = StartMessage | LoadMessage | RunMessage;
interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Problem) => void;
}

/** A worker with the runtime in it; models are loaded when first asked for. */
export class Engine {
  /** Milliseconds inside the runtime of the last runs, newest last. */
  readonly timings: { name: string; batch: number; milliseconds: number }[] = [];
  private worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly loaded = new Map<string, Promise<unknown>>();
  private next = 0;
  /** Whether a network was loaded. */
  private works = false;

  /**
   * `chosen`: the class that conditional models are given where no other is asked for; `threads`: those
   * asked for, and once a network is loaded those that there are.
   */
  constructor(
    private readonly source: Source,
    private readonly chosen: () => number,
    public threads = 1,
  ) {
    this.worker = this.start();
  }

  /** Latents (n × d) → images (n × C × H × W) in [0, 1]. Throws Problem. */
  async decode(
    entry: RunEntry,
    latents: Float32Array<ArrayBuffer>,
    label = this.chosen(),
  ): Promise<Float32Array> {
    const name = await this.load(entry, "decoder");
    const { input, output } = entry.decoder;
    const shape = [latents.length / latentSize(entry), ...entry.latent.shape];
    const labels = labelsOf(entry, entry.decoder.labels, label, shape[0]);
    return (await this.run(name, input, [output], latents, shape, labels))[0];
  }

  /** Images (n × C × H × W) in [0, 1] → posterior parameters. Throws Problem. */
  async encode(
    entry: RunEntry,
    images: Float32Array<ArrayBuffer>,
    label = this.chosen(),
  ): Promise<Encoded[]> {
    const name = await this.load(entry, "encoder");
    const { height, width, channels } = entry.image;
    const n = images.length / (height * width * channels);
    const { input, outputs } = entry.encoder;
    const labels = labelsOf(entry, entry.encoder.labels, label, n);
    const shape = [n, channels, height, width];
    const found = await this.run(name, input, outputs, images, shape, labels);
    const d = latentSize(entry);
    const row = (a: Float32Array, i: number) => Array.from(a.subarray(i * d, (i + 1) * d));
    return Array.from({ length: n }, (_, i) => ({
      mu: row(found[0], i),
      logVar: found[1] ? row(found[1], i) : null,
    }));
  }

  /** The judge's class of each image (n × C × H × W) in [0, 1]; null without a judge. Throws Problem. */
  async classify(entry: RunEntry, images: Float32Array<ArrayBuffer>): Promise<number[] | null> {
    if (!entry.judge) return null;
    const name = await this.load(entry, "judge");
    const { height, width, channels } = entry.image;
    const n = images.length / (height * width * channels);
    const { input, output } = entry.judge;
    const shape = [n, channels, height, width];
    const [logits] = await this.run(name, input, [output], images, shape, undefined);
    const classes = logits.length / n;
    return Array.from({ length: n }, (_, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      return row.indexOf(Math.max(...row));
    });
  }

  /** Fetches, checks and prepares a network; a second call waits for the first. */
  async load(entry: RunEntry, part: "encoder" | "decoder" | "judge"): Promise<string> {
    const name = `${entry.id}/${part}`;
    let loading = this.loaded.get(name);
    if (!loading) {
      loading = checkedBytes(this.source, entry[part]!).then((model) => this.prepare(name, model));
      this.loaded.set(name, loading);
      loading.catch(() => this.loaded.delete(name)); // the next one asks again
    }
    await loading;
    return name;
  }

  /** Where threads do not start, which a browser may not even say, the network gets an engine of one. */
  private async prepare(name: string, model: Uint8Array<ArrayBuffer>): Promise<void> {
    const { worker, threads } = this;
    const given = threads > 1 ? model.slice() : model;
    try {
      const answer = await this.ask({ type: "load", name, model: given }, [given.buffer]);
      this.threads = answer.threads!;
      this.works = true;
    } catch (error) {
      if (this.works || threads === 1) throw error;
      if (worker === this.worker) {
        worker.terminate();
        this.threads = 1;
        this.worker = this.start();
        this.fail("threads did not start");
      }
      await this.prepare(name, model);
    }
  }

  private start(): Worker {
    const worker = openWorker();
    worker.onmessage = (event: MessageEvent<Answer>) => this.receive(event.data);
    worker.onerror = (event) => this.fail(event.message || "the worker did not start");
    // What fails is said by the first network that is loaded: the runtime itself starts only then.
    const { threads } = this;
    const message: StartMessage = { type: "start", wasm: runtime(threads), threads };
    worker.postMessage({ id: this.next++, ...message });
    return worker;
  }

  private async run(
    name: string,
    input: string,
    outputs: string[],
    data: Float32Array<ArrayBuffer>,
    shape: number[],
    labels: RunMessage["labels"],
  ): Promise<Float32Array[]> {
    const answer = await this.ask({ type: "run", name, input, outputs, data, shape, labels });
    this.timings.push({ name, batch: shape[0], milliseconds: answer.milliseconds ?? 0 });
    if (this.timings.length > 2000) this.timings.splice(0, 1000);
    return answer.outputs!;
  }

  private ask(message: Message, transfer: Transferable[] = []): Promise<Answer> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  private receive(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Problem("engine", { message: answer.error }));
  }

  private fail(message: string): void {
    for (const { reject } of this.waiting.values()) reject(new Problem("engine", { message }));
    this.waiting.clear();
  }
}

/** n times a class for a network that reads one; a class that it does not have becomes its last. */
function labelsOf(
  entry: RunEntry,
  input: string | null,
  label: number,
  n: number,
): RunMessage["labels"] {
  if (input === null) return undefined;
  const known = BigInt(Math.min(label, entry.classes.length - 1));
  return { input, data: new BigInt64Array(n).fill(known) };
}

/** Whether the page is one file, in which the runtime has no address to start threads from. */
export function isOneFile(): boolean {
  return document.getElementById("wasm-gzip-base64") !== null;
}

function openWorker(): Worker {
  const inline = document.getElementById("worker-base64")?.textContent;
  if (!inline) return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const url = URL.createObjectURL(new Blob([fromBase64(inline)], { type: "text/javascript" }));
  return new Worker(url);
}

function runtime(threads: number): StartMessage["wasm"] {
  const inline = document.getElementById("wasm-gzip-base64")?.textContent;
  if (inline) return { gzipBase64: inline };
  const at = (url: string) => new URL(url, document.baseURI).href;
  // Not for one thread: not every web server knows that a file .mjs is a script.
  return { url: at(wasmUrl), ...(threads > 1 && { script: at(scriptUrl) }) };
}
