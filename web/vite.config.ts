import { defineConfig } from "vite";

// One page, one worker, one stylesheet, the WebAssembly runtime: all same-origin files, no inline
// script, so that the server's Content-Security-Policy needs no exception. build/single.mjs makes
// the one-file page out of the same output.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 600,
  },
  // A classic worker: from a file, a module worker in a blob does not start (its origin is null).
  worker: { format: "iife" },
});
