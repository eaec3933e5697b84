// dist/ → dist/single.html: the same page with script, style, worker, WebAssembly and licences inside.
//
// The exporter puts the bundle's files where <!--BUNDLE--> stands. The policy in the page's head lets
// nothing be fetched: what is not in the file does not exist.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const assets = join(dist, "assets");
const names = readdirSync(assets);

function only(pattern) {
  const found = names.filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`${assets}: one file like ${pattern}, found ${found.length}`);
  return readFileSync(join(assets, found[0]));
}

// A script ends at the first "</script", whatever the language says; a comment opener misleads too.
const inScript = (text) => text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

const script = inScript(only(/^index-.*\.js$/).toString());
const style = only(/^index-.*\.css$/).toString();
const worker = only(/^worker-.*\.js$/);
const wasm = gzipSync(only(/\.wasm$/), { level: 9 });
const licenses = inScript(readFileSync(join(dist, "THIRD_PARTY_LICENSES.txt"), "utf8"));
const digest = createHash("sha256").update(script).digest("base64");
const policy =
  `default-src 'none'; script-src 'sha256-${digest}' 'wasm-unsafe-eval' blob:; worker-src blob:; ` +
  "img-src data: blob:; style-src 'unsafe-inline'; connect-src 'none'; base-uri 'none'; form-action 'none'";

const page = readFileSync(join(dist, "index.html"), "utf8")
  .replace(/<script type="module"[^>]*><\/script>\s*/, "")
  .replace(/<link rel="stylesheet"[^>]*>\s*/, "")
  .replace("<meta charset=\"utf-8\" />", (tag) => `${tag}\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
  .replace("</head>", () => `  <style>${style}</style>\n  </head>`)
  .replace(
    "</body>",
    () =>
      `  <script type="text/plain" id="worker-base64">${worker.toString("base64")}</script>\n` +
      `    <script type="text/plain" id="wasm-gzip-base64">${wasm.toString("base64")}</script>\n` +
      `    <script type="text/plain" id="third-party-licenses">${licenses}</script>\n` +
      "    <!--BUNDLE-->\n" +
      `    <script type="module">${script}</script>\n  </body>`,
  );
writeFileSync(join(dist, "single.html"), page);
console.log(`dist/single.html ${(page.length / 1e6).toFixed(1)} MB`);
