/** What points are coloured and filtered by: numbers or words, one for each. */
import type { ClassEntry, ColumnEntry } from "./manifest";
import { Problem } from "./problem";
import { checkedBytes, type Source } from "./source";

export interface Column {
  readonly name: string;
  /** Words with colours, of which the values are places; empty for numbers. */
  readonly levels: readonly ClassEntry[];
  /** NaN: none. */
  readonly values: Float64Array;
}

/** Throws Problem. */
export async function readColumn(
  source: Source,
  entry: ColumnEntry,
  count: number,
): Promise<Column> {
  const bytes = await checkedBytes(source, entry);
  const [single, double] = [bytes.length === 4 * count, bytes.length === 8 * count];
  if (!single && !double) {
    const what = `${entry.file}: ${bytes.length} bytes for ${count} points`;
    throw new Problem("malformed", { what });
  }
  const view = new DataView(bytes.buffer);
  const read = (i: number) => (single ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true));
  const values = Float64Array.from({ length: count }, (_, i) => read(i));
  return { name: entry.name, levels: entry.levels, values };
}

/** Where most values lie: without the outermost ones where these take most of the axis. */
export interface Extent {
  low: number;
  high: number;
  /** Whether there are values beyond. */
  below: boolean;
  above: boolean;
}

const extents = new WeakMap<Column, Extent>();
const TAIL = 0.005; // of the values, at each end
const ROOM = 1.5; // times the others' range, which the tails may take

export function extentOf(column: Column): Extent {
  let found = extents.get(column);
  if (!found) extents.set(column, (found = measured(column.values)));
  return found;
}

function measured(values: Float64Array): Extent {
  const sorted = values.filter((v) => !Number.isNaN(v)).sort();
  const n = sorted.length;
  if (n === 0) return { low: 0, high: 1, below: false, above: false };
  const [least, most] = [sorted[0], sorted[n - 1]];
  const low = sorted[Math.floor(TAIL * (n - 1))];
  const high = sorted[Math.ceil((1 - TAIL) * (n - 1))];
  const [below, above] = [
    low - least > ((ROOM - 1) / 2) * (high - low),
    most - high > ((ROOM - 1) / 2) * (high - low),
  ];
  return {
    low: below ? low : least,
    high: above ? high : most,
    below,
    above,
  };
}

/** Which points a filter keeps: those in a range, open where an end is null, or those of words. */
export type Filter = { low: number | null; high: number | null } | { without: number[] };

export function keeps(filter: Filter, value: number): boolean {
  // NaN is in no range, and no word.
  if ("without" in filter) return value === value && !filter.without.includes(value);
  return (filter.low === null ? value === value : value >= filter.low)
    && (filter.high === null ? value === value : value <= filter.high);
}
