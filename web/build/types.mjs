// src/bundle/manifest.schema.json → src/bundle/manifest.types.ts.
//
// With --check nothing is written: it fails where the file is not what the schema gives.
import { readFileSync, writeFileSync } from "node:fs";
import { compileFromFile } from "json-schema-to-typescript";

const bundle = new URL("../src/bundle/", import.meta.url).pathname;
const target = `${bundle}manifest.types.ts`;
const types = await compileFromFile(`${bundle}manifest.schema.json`, {
  additionalProperties: false,
  bannerComment: "// Made from manifest.schema.json by `npm run types`. Do not edit.",
  ignoreMinAndMaxItems: true,
  style: { printWidth: 100 },
});

if (!process.argv.includes("--check")) {
  writeFileSync(target, types);
} else if (readFileSync(target, "utf8") !== types) {
  console.error(`${target} must be made from manifest.schema.json, got other types. Fix: npm run types`);
  process.exit(1);
}
