/** Colours of the classes as the points have them. */
import type { ClassEntry } from "../bundle/manifest";
import type { State } from "../state/state";
import type { Palette } from "../ui/theme";
import { COLOURS } from "./cloud";

/** #rrggbb → bytes; anything else is grey: colours come from data. */
export function bytesOf(colour: string): [number, number, number] {
  const found = /^#([0-9a-f]{6})$/i.exec(colour);
  if (!found) return [128, 128, 128];
  const value = parseInt(found[1], 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function safeColour(colour: string): string {
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour : "#808080";
}

/** 256 × RGBA for the points: alpha 255 in front, 100 in the background, 0 hidden. */
export function cloudColours(
  classes: readonly ClassEntry[],
  state: Pick<State, "hidden" | "dim">,
  palette: Palette,
): Uint8Array {
  const rgba = new Uint8Array(4 * COLOURS);
  const plain = bytesOf(palette.accent);
  for (let k = 0; k < COLOURS; k++) {
    const known = classes[k];
    const hidden = state.hidden.includes(k);
    rgba.set(known ? bytesOf(known.colour) : plain, 4 * k);
    rgba[4 * k + 3] = hidden ? (state.dim ? 100 : 0) : 255;
  }
  return rgba;
}
