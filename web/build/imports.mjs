// Fails where modules of src/, or of the given folder, import each other in a cycle.
//
// Imports of types count too: two modules that need each other's types are hard to change alone.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

const root = resolve(process.argv[2] ?? new URL("../src", import.meta.url).pathname);
const modules = readdirSync(root, { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .sort()
  .map((name) => join(root, name));

/** The modules that a module imports, without packages, JSON and styles. */
function imports(module) {
  return ts
    .preProcessFile(readFileSync(module, "utf8"))
    .importedFiles.map(({ fileName }) => `${join(dirname(module), fileName)}.ts`)
    .filter((path) => modules.includes(path));
}

const acyclic = new Set();

/** The first cycle that the imports after `trail` close, or null. */
function findCycle(trail) {
  const module = trail.at(-1);
  const before = trail.indexOf(module);
  if (before < trail.length - 1) return trail.slice(before);
  if (acyclic.has(module)) return null;
  for (const imported of imports(module)) {
    const cycle = findCycle([...trail, imported]);
    if (cycle) return cycle;
  }
  acyclic.add(module);
  return null;
}

for (const module of modules) {
  const cycle = findCycle([module]);
  if (!cycle) continue;
  const names = cycle.map((path) => relative(root, path)).join(" → ");
  console.error(`imports must have no cycle, got ${names}. Fix: move what both need to a third module`);
  process.exit(1);
}
