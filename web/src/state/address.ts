/** State ↔ the address bar's fragment: short, readable, and never trusted. */
import type { Filter } from "../bundle/columns";
import { type Group, SCALES, type State, type View } from "./state";

const round = (x: number) => Number(x.toPrecision(5));
const FARTHEST = 1e6; // of a coordinate: beyond, a drawing has no digits left
const numbers = (text: string) =>
  text === "" ? [] : text.split(",").map(Number).filter((x) => Math.abs(x) <= FARTHEST);
const points = (text: string) =>
  text
    .split(";")
    .map(numbers)
    .filter((p) => p.length > 0);
const writePoints = (list: readonly number[][]) =>
  list.map((p) => p.map(round).join(",")).join(";");

/** How one key of the state is written; read gives undefined for what it does not understand. */
interface Codec<T> {
  name: string;
  write(value: T): string;
  read(text: string): T | undefined;
}

const text = (name: string): Codec<string> => ({ name, write: (v) => v, read: (s) => s });
const flag = (name: string): Codec<boolean> => ({
  name,
  write: (v) => (v ? "1" : "0"),
  read: (s) => (s === "1" ? true : s === "0" ? false : undefined),
});
const number = (name: string): Codec<number> => ({
  name,
  write: (v) => String(round(v)),
  read: (s) => (s !== "" && Math.abs(Number(s)) <= FARTHEST ? Number(s) : undefined),
});
const index = (name: string): Codec<number | null> => ({
  name,
  write: (v) => (v === null ? "" : String(v)),
  read: (s) => (/^\d+$/.test(s) ? Number(s) : undefined),
});
const choice = <T extends string>(name: string, known: readonly T[]): Codec<T> => ({
  name,
  write: (v) => v,
  read: (s) => known.find((k) => k === s),
});
const byRun = <T>(name: string, write: (v: T) => string, read: (s: string) => T | undefined) => ({
  name,
  write: (v: Readonly<Record<string, T>>) =>
    Object.entries(v)
      .filter(([, value]) => value !== null)
      .map(([id, value]) => `${encodeURIComponent(id)}:${write(value)}`)
      .join("|"),
  read: (s: string) => {
    const found: Record<string, T> = {};
    for (const part of s.split("|")) {
      const cut = part.lastIndexOf(":");
      const value = cut > 0 ? read(part.slice(cut + 1)) : undefined;
      if (value !== undefined) found[decodeURIComponent(part.slice(0, cut))] = value;
    }
    return found;
  },
});
const group = (name: string): Codec<Group> => ({
  name,
  write: (v) => (!v ? "" : "class" in v ? `c${v.class}` : `l${writePoints(v.lasso)}`),
  read: (s) => {
    if (s.startsWith("c") && Number.isInteger(Number(s.slice(1)))) return { class: +s.slice(1) };
    if (s.startsWith("l")) return { lasso: points(s.slice(1)) as [number, number][] };
    return s === "" ? null : undefined;
  },
});

/** 0,2,3,4 → "0,2-4": of a thousand classes all but one may be hidden. */
function writeClasses(classes: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const k of [...classes].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && k === last[1] + 1) last[1] = k;
    else runs.push([k, k]);
  }
  return runs.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(",");
}

function readClasses(text: string): number[] {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const ends = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (!ends) continue;
    for (let k = Number(ends[1]); k <= Number(ends[2] ?? ends[1]); k++) found.add(k);
  }
  return [...found];
}

function writeFilter(filter: Filter): string {
  if ("without" in filter) return `x${writeClasses(filter.without)}`;
  return [filter.low, filter.high].map((end) => (end === null ? "" : end)).join(",");
}

function readFilter(text: string): Filter | undefined {
  if (text.startsWith("x")) return { without: readClasses(text.slice(1)) };
  const ends = text.split(",");
  const [low, high] = ends.map((end) => (end === "" ? null : Number(end)));
  const known = ends.length === 2 && [low, high].every((end) => end === null || Number.isFinite(end));
  return known ? { low, high } : undefined;
}

const CODECS: { [K in keyof State]: Codec<State[K]> } = {
  run: text("run"),
  pair: text("pair"),
  z: byRun<number[]>("z", (v) => v.map(round).join(","), (s) => numbers(s)),
  view: byRun<View | null>(
    "view",
    (v) => [v!.x, v!.y, v!.scale].map(round).join(","),
    (s) => {
      const [x, y, scale] = s.split(",").map(Number);
      const near = Math.abs(x) <= FARTHEST && Math.abs(y) <= FARTHEST;
      return near && scale >= SCALES[0] && scale <= SCALES[1] ? { x, y, scale } : undefined;
    },
  ),
  pinned: flag("pin"),
  ofClass: {
    name: "class",
    write: String,
    read: (s) => (/^\d{1,5}$/.test(s) ? Number(s) : undefined),
  },
  frame: choice("frame", ["axes", "principal"]),
  plane: {
    name: "plane",
    write: (v) => v?.join(",") ?? "",
    read: (s) => {
      const [a, b] = numbers(s);
      const axis = (k: number) => Number.isInteger(k) && k >= 0;
      return axis(a) && axis(b) && a !== b ? [a, b] : undefined;
    },
  },
  colour: text("by"),
  filters: byRun<Filter>("filter", writeFilter, readFilter),
  hidden: { name: "hide", write: writeClasses, read: readClasses },
  dim: flag("dim"),
  rings: flag("rings"),
  posterior: flag("ellipse"),
  names: flag("names"),
  points: choice("points", ["dots", "pictures"]),
  background: choice("bg", ["off", "window", "quantiles"]),
  tool: choice("tool", ["move", "lasso", "path"]),
  panel: choice("panel", [
    "look", "mechanism", "filter", "draw", "path", "gallery", "samples", "dimensions", "direction",
  ]),
  image: index("image"),
  path: { name: "path", write: writePoints, read: points },
  interpolation: choice("interp", ["linear", "spherical"]),
  t: number("t"),
  lasso: { name: "lasso", write: writePoints, read: (s) => points(s) as [number, number][] },
  picked: { name: "pick", write: writeClasses, read: readClasses },
  groupA: group("a"),
  groupB: group("b"),
  amount: number("amount"),
  base: index("base"),
  language: choice("lang", ["en", "ko"]),
  theme: choice("theme", ["auto", "light", "dark"]),
};
const KEYS = Object.keys(CODECS) as (keyof State)[];
export const ADDRESSED = KEYS;

/** The fragment: only what differs from the state that a page without one starts with. */
export function writeAddress(state: State, start: State): string {
  const words = new URLSearchParams();
  for (const key of KEYS) {
    const codec = CODECS[key] as Codec<unknown>;
    const value = codec.write(state[key]);
    if (value !== codec.write(start[key])) words.set(codec.name, value);
  }
  return words.toString();
}

/** What the fragment says, as far as it is understood. */
export function readAddress(fragment: string): Partial<State> {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const found: Record<string, unknown> = {};
  for (const key of KEYS) {
    const word = words.get(CODECS[key].name);
    if (word === null) continue;
    try {
      const value = CODECS[key].read(word);
      if (value !== undefined) found[key] = value;
    } catch {
      // A broken escape in an address from elsewhere: as if it were not there.
    }
  }
  return found as Partial<State>;
}
