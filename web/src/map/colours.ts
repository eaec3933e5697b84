/** Colours of classes, words and numbers as the points have them. */
import { extentOf } from "../bundle/columns";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { COLUMNS } from "./cloud";

type Rgb = [number, number, number];

/** A class's colour as it is drawn: #rrggbb → bytes. Anything else is grey: colours come from data. */
export function drawn(colour: string): Rgb {
  const found = /^#([0-9a-f]{6})$/i.exec(colour);
  const value = found ? parseInt(found[1], 16) : 0x808080;
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The same for the stylesheet. */
export function safeColour(colour: string): string {
  return `rgb(${drawn(colour).join(", ")})`;
}

// viridis of matplotlib (Smith and van der Walt 2015) at 33 even places, perceptually uniform.
const VIRIDIS = (
  "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d" +
  "2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa08822a78528ae8032b67a" +
  "3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725"
)
  .match(/.{6}/g)!
  .map((hex) => drawn(`#${hex}`));

/** Light ground hides the scale's light end, dark ground its dark one: they are cut off. */
const PART = { light: [0, 0.9], dark: [0.15, 1] } as const;

/** The colour of a place from 0 to 1 on the scale of numbers. */
export function scaleColour(t: number, dark: boolean): Rgb {
  const [from, to] = PART[dark ? "dark" : "light"];
  const at = (from + (to - from) * Math.min(1, Math.max(0, t))) * (VIRIDIS.length - 1);
  const k = Math.min(VIRIDIS.length - 2, Math.floor(at));
  return VIRIDIS[k].map((v, c) => Math.round(v + (at - k) * (VIRIDIS[k + 1][c] - v))) as Rgb;
}

/** The same for the stylesheet, from left to right. */
export function scaleGradient(dark: boolean): string {
  const stops = Array.from({ length: 17 }, (_, i) => `rgb(${scaleColour(i / 16, dark).join(" ")})`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

const STEPS = 256;

/** A table of colours, as the cloud wants it, and each point's place in it. */
export interface Paint {
  table: Uint8Array;
  of: Uint32Array;
  /** Whether points are in the background. */
  behind: boolean;
}

/**
 * Each colour is in the table twice: for points that are shown, and then for the others, which are in
 * the background or hidden. The last of each is for points without a value.
 */
export function paintOf(explorer: Explorer, run: Run, palette = explorer.theme.palette): Paint {
  const column = explorer.colouring(run);
  const words = column ? column.levels : run.entry.classes;
  const scaled = column !== null && words.length === 0;
  const colours = scaled
    ? Array.from({ length: STEPS }, (_, k) => scaleColour(k / (STEPS - 1), palette.dark))
    : words.map(({ colour }) => drawn(colour));
  colours.push(drawn(column ? palette.muted : palette.accent));
  const none = colours.length - 1;
  let place = (i: number) => Math.min(run.labels[i], none);
  if (column) {
    const { low, high } = extentOf(column);
    const factor = scaled ? (STEPS - 1) / (high > low ? high - low : 1) : 1;
    const start = scaled ? low : 0;
    place = (i) => {
      const value = (column.values[i] - start) * factor;
      return Number.isNaN(value) ? none : Math.min(none - 1, Math.max(0, Math.round(value)));
    };
  }
  const among = explorer.among(run);
  const of = Uint32Array.from({ length: run.count }, (_, i) =>
    among && !among[i] ? colours.length + place(i) : place(i),
  );
  const table = new Uint8Array(4 * COLUMNS * Math.ceil((2 * colours.length) / COLUMNS));
  const away = explorer.store.state.dim ? 100 : 0;
  colours.forEach((colour, k) => {
    table.set([...colour, 255], 4 * k);
    table.set([...colour, away], 4 * (colours.length + k));
  });
  return { table, of, behind: among !== null && away > 0 };
}
