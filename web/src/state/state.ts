/** Everything that the page shows can be told from this; most of it stands in the address bar. */

import type { Filter } from "../bundle/columns";

export type Tool = "move" | "lasso" | "path";
export type Background = "off" | "window" | "quantiles";
export type Points = "dots" | "pictures";
export type FrameKind = "axes" | "principal";
export type Theme = "auto" | "light" | "dark";
export type Language = "en" | "ko";
export type Panel = "look" | "mechanism" | "filter" | "draw" | "path" | "gallery" | "samples" | "dimensions" | "direction";
export type Interpolation = "linear" | "spherical";

export interface View {
  x: number;
  y: number;
  /** CSS pixels for one latent unit. */
  scale: number;
}

/** The least and the largest scale. */
export const SCALES = [1e-4, 1e7] as const;

/** A group of points: a class, or what was caught with the lasso. */
export type Group = { class: number } | { lasso: [number, number][] } | null;

/** Lassos lie on the map: with other axes there are none. */
export function withoutLassos(state: State): Partial<State> {
  const kept = (group: Group) => (group && "lasso" in group ? null : group);
  return { view: {}, lasso: [], groupA: kept(state.groupA), groupB: kept(state.groupB) };
}

export type Filters = Readonly<Record<string, Filter>>;

export interface State {
  /** The run that is shown, and the one beside it or "". */
  run: string;
  pair: string;
  /** Of each run, by its id: the latent that is decoded, and the window of the map (null: all). */
  z: Record<string, number[]>;
  view: Record<string, View | null>;
  /** Whether z stays where it is when the pointer moves. */
  pinned: boolean;
  /** What conditional models decode to, by its place among the classes. */
  ofClass: number;
  frame: FrameKind;
  /** The dimensions across and up; null: the two that matter most. */
  plane: [number, number] | null;
  /** The column that points are coloured by; "": their class. */
  colour: string;
  /** Only points that all of these keep are shown, by the column's name. */
  filters: Filters;
  hidden: number[];
  /** Hidden classes are dimmed, or not drawn. */
  dim: boolean;
  rings: boolean;
  posterior: boolean;
  names: boolean;
  /** How images are drawn on the map. */
  points: Points;
  background: Background;
  tool: Tool;
  panel: Panel;
  /** The image whose way through the model is shown. */
  image: number | null;
  path: number[][];
  interpolation: Interpolation;
  /** Place on the path, 0 to 1. */
  t: number;
  lasso: [number, number][];
  /** Points selected by their numbers, in place of a lasso. */
  picked: number[];
  groupA: Group;
  groupB: Group;
  /** How much of the direction is added to z of the base image. */
  amount: number;
  base: number | null;
  language: Language;
  theme: Theme;
}

export const INITIAL: State = {
  run: "",
  pair: "",
  z: {},
  view: {},
  pinned: false,
  ofClass: 0,
  frame: "axes",
  plane: null,
  colour: "",
  filters: {},
  hidden: [],
  dim: true,
  rings: true,
  posterior: true,
  names: true,
  points: "dots",
  background: "off",
  tool: "move",
  panel: "look",
  image: null,
  path: [],
  interpolation: "linear",
  t: 0,
  lasso: [],
  picked: [],
  groupA: null,
  groupB: null,
  amount: 0,
  base: null,
  language: "en",
  theme: "auto",
};
