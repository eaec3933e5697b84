/** Runs the networks off the main thread: on several threads where the server lets the page share memory. */
import * as ort from "onnxruntime-web/wasm";
import type { Answer, Request } from "./protocol";

/** For threads to start: what a browser refuses to start may never say so. */
const MOST_MILLISECONDS = 10_000;

const sessions = new Map<string, ort.InferenceSession>();

async function unzip(base64: string): Promise<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = Uint8Array.from({ length: binary.length }, (_, i) => binary.charCodeAt(i));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function answer(request: Request): Promise<Omit<Answer, "id">> {
  switch (request.type) {
    case "start":
      ort.env.logLevel = "error";
      ort.env.wasm.numThreads = request.threads;
      if (request.threads > 1) ort.env.wasm.initTimeout = MOST_MILLISECONDS;
      if ("url" in request.wasm) {
        const { url, script } = request.wasm;
        ort.env.wasm.wasmPaths = { wasm: url, ...(script && { mjs: script }) };
      } else ort.env.wasm.wasmBinary = await unzip(request.wasm.gzipBase64);
      // The runtime is fetched and compiled with the first session: no model is one, too, and by the
      // time the real one is here the runtime stands.
      await ort.InferenceSession.create(new Uint8Array(0)).catch(() => undefined);
      return {};
    case "load":
      sessions.set(
        request.name,
        await ort.InferenceSession.create(request.model, {
          executionProviders: ["wasm"],
          graphOptimizationLevel: "all",
        }),
      );
      return { threads: ort.env.wasm.numThreads ?? 1 };
    case "run": {
      const session = sessions.get(request.name);
      if (!session) throw new Error(`no model ${request.name}`);
      const began = performance.now();
      const feeds: Record<string, ort.Tensor> = {
        [request.input]: new ort.Tensor("float32", request.data, request.shape),
      };
      const { labels } = request;
      if (labels) feeds[labels.input] = new ort.Tensor("int64", labels.data, [labels.data.length]);
      const results = await session.run(feeds);
      const milliseconds = performance.now() - began;
      // slice: what the runtime gives may lie in WebAssembly's own memory, which cannot be handed over.
      const outputs = request.outputs.map((name) =>
        (results[name].data as Float32Array<ArrayBuffer>).slice(),
      );
      for (const name of request.outputs) results[name].dispose();
      return { outputs, milliseconds };
    }
  }
}

// One request after the other: two at once in a session would only wait inside it.
let last: Promise<unknown> = Promise.resolve();

self.onmessage = (event: MessageEvent<Request>) => {
  const { id } = event.data;
  last = last.then(async () => {
    let reply: Answer;
    try {
      reply = { id, ...(await answer(event.data)) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    self.postMessage(reply, { transfer: reply.outputs?.map((a) => a.buffer) ?? [] });
  });
};
