/** Where the bundle's bytes come from, and that they are the ones the manifest names. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { FileEntry } from "./manifest";
import { Problem } from "./problem";

export interface Source {
  /** The bytes of a file of the bundle. Throws Problem "missing". */
  bytes(path: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** The files inside this page where it is the one-file page, else those beside it. */
export function openSource(page: Document): Source {
  const inline = page.getElementById("bundle")?.textContent;
  return inline ? inlineSource(inline) : folderSource(page.baseURI);
}

function folderSource(base: string): Source {
  return {
    async bytes(path) {
      let answer: Response;
      try {
        answer = await fetch(new URL(path, base));
      } catch (error) {
        throw new Problem("missing", { file: path, message: String(error) });
      }
      if (!answer.ok) throw new Problem("missing", { file: path, message: answer.statusText });
      try {
        return new Uint8Array(await answer.arrayBuffer());
      } catch {
        throw new Problem("short", { file: path, found: "?", expected: "?" });
      }
    },
  };
}

function inlineSource(text: string): Source {
  let files: Record<string, string>;
  try {
    files = JSON.parse(text) as Record<string, string>;
  } catch (error) {
    throw new Problem("malformed", { what: String(error) });
  }
  return {
    async bytes(path) {
      const base64 = files[path];
      if (base64 === undefined) throw new Problem("missing", { file: path, message: "" });
      return fromBase64(base64);
    },
  };
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The file's bytes, of the length and hash that the manifest says. Throws Problem. */
export async function checkedBytes(
  source: Source,
  entry: FileEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await source.bytes(entry.file);
  if (bytes.length !== entry.bytes) {
    const kind = bytes.length < entry.bytes ? "short" : "long";
    throw new Problem(kind, { file: entry.file, found: bytes.length, expected: entry.bytes });
  }
  if ((await hexDigest(bytes)) !== entry.sha256) throw new Problem("hash", { file: entry.file });
  return bytes;
}

/** SHA-256. Browsers offer their own only over https, on this machine, and from files. */
async function hexDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  const digest = subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : sha256(bytes);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
