/** What can be wrong with a bundle or a browser; the banner says it in the reader's language. */
export type ProblemKind =
  | "newer" // the manifest's schema is newer than this page
  | "malformed" // the manifest is not what the contract says
  | "missing" // a file cannot be had
  | "short" // fewer bytes than the manifest says
  | "long"
  | "hash" // other bytes than the manifest says
  | "golden" // the model computes something else here than PyTorch did: bundle or browser
  | "engine" // the WebAssembly runtime does not start
  | "webgl"; // no WebGL 2

export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    readonly detail: Record<string, string | number> = {},
  ) {
    super(`${kind} ${JSON.stringify(detail)}`);
    this.name = "Problem";
  }
}

/** Any error as a Problem. */
export function asProblem(error: unknown, otherwise: ProblemKind): Problem {
  if (error instanceof Problem) return error;
  return new Problem(otherwise, { file: "", message: String(error) });
}
