/** Points as comma-separated values (RFC 4180). */
import type { Column } from "../bundle/columns";
import { labelOf, type Run } from "../bundle/run";

/** Number, file where there are files, class, latent, and what is known of each point. */
export function csvOf(
  run: Run,
  indices: readonly number[],
  files: readonly string[] | null,
): string {
  const columns = [...run.columns.values()];
  const z = Array.from({ length: run.d }, (_, j) => `z${j + 1}`);
  const heads = ["index", ...(files ? ["file"] : []), "label", ...z];
  const lines = [[...heads, ...columns.map(({ name }) => quoted(name))].join(",")];
  for (const i of indices) {
    const label = labelOf(run, i);
    const name = label === null ? "" : run.entry.classes[label].name;
    const latent = Array.from(run.mu.subarray(i * run.d, (i + 1) * run.d), (v) => v.toPrecision(6));
    const file = files ? [quoted(files[i])] : [];
    const values = columns.map((column) => quotedValue(column, i));
    lines.push([String(i), ...file, quoted(name), ...latent, ...values].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

function quotedValue({ levels, values }: Column, i: number): string {
  const value = values[i];
  if (Number.isNaN(value)) return "";
  if (levels.length > 0) return quoted(levels[value]?.name ?? "");
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(7)));
}

/** Text comes from data: quoted where it must be, and never a formula to a spreadsheet. */
function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
