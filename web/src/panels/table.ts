/** Points as comma-separated values (RFC 4180). */
import { labelOf, type Run } from "../bundle/run";

export function csvOf(run: Run, indices: readonly number[]): string {
  const columns = Array.from({ length: run.d }, (_, j) => `z${j + 1}`);
  const lines = [["index", "label", ...columns].join(",")];
  for (const i of indices) {
    const label = labelOf(run, i);
    const name = label === null ? "" : run.entry.classes[label].name;
    const z = Array.from(run.mu.subarray(i * run.d, (i + 1) * run.d), (v) => v.toPrecision(6));
    lines.push([String(i), quoted(name), ...z].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** A class's name comes from data: quoted where it must be, and never a formula to a spreadsheet. */
function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
