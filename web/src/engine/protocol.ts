/** What the page and its worker say to each other. */

export interface StartMessage {
  type: "start";
  /**
   * Where the WebAssembly runtime lies, or its bytes in the one-file page. `script`: where the script around
   * it lies; the copy of it inside our worker cannot start threads, because it does not know its address.
   */
  wasm: { url: string; script?: string } | { gzipBase64: string };
  /** More than one only where the page may share memory between threads. */
  threads: number;
}

export interface LoadMessage {
  type: "load";
  name: string;
  model: Uint8Array<ArrayBuffer>;
}

export interface RunMessage {
  type: "run";
  name: string;
  input: string;
  outputs: string[];
  data: Float32Array<ArrayBuffer>;
  shape: number[];
  /** Of a conditional model: its second input, and the class of each row. */
  labels: { input: string; data: BigInt64Array<ArrayBuffer> } | undefined;
}

export type Request = { id: number } & (StartMessage | LoadMessage | RunMessage);

export interface Answer {
  id: number;
  outputs?: Float32Array<ArrayBuffer>[];
  milliseconds?: number;
  /** Of the runtime, once a network is loaded. */
  threads?: number;
  error?: string;
}
