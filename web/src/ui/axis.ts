/** What axes are called. Everything that has a place is counted from 1. */
import type { Run } from "../bundle/run";
import type { FrameKind } from "../state/state";
import { t } from "./language";

/** Channel, row and column of a latent's element where the latent is a map; null for other latents. */
export function placeOf({ entry }: Run, index: number): { c: number; y: number; x: number } | null {
  const { map } = entry.latent;
  if (!map) return null;
  const [, height, width] = map;
  const row = Math.floor(index / width);
  return { c: Math.floor(row / height) + 1, y: (row % height) + 1, x: (index % width) + 1 };
}

/** z3, or z[c=1, y=2, x=3] where the latent is a map. */
export function elementName(run: Run, index: number, letter = "z"): string {
  const place = placeOf(run, index);
  return place ? `${letter}[c=${place.c}, y=${place.y}, x=${place.x}]` : `${letter}${index + 1}`;
}

export function axisName(run: Run, kind: FrameKind, index: number): string {
  return kind === "axes" ? elementName(run, index) : t("principalAxis", { i: index + 1 });
}
