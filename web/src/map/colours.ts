/** Colours of the classes as the points have them. */
import type { ClassEntry } from "../bundle/manifest";
import type { State } from "../state/state";
import type { Palette } from "../ui/theme";
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

/**
 * RGBA of each class, and one for points without: alpha 255 in front, 100 in the background, 0 hidden.
 * Whole rows, as the cloud wants them.
 */
export function cloudColours(
  classes: readonly ClassEntry[],
  state: Pick<State, "hidden" | "dim">,
  palette: Palette,
): Uint8Array {
  const rgba = new Uint8Array(4 * COLUMNS * Math.ceil((classes.length + 1) / COLUMNS));
  const hidden = new Set(state.hidden);
  classes.forEach(({ colour }, k) => {
    const alpha = hidden.has(k) ? (state.dim ? 100 : 0) : 255;
    rgba.set([...drawn(colour), alpha], 4 * k);
  });
  rgba.set([...drawn(palette.accent), 255], 4 * classes.length);
  return rgba;
}
