/** What a figure's colours are: words in rows, or a scale of numbers. */
import type { Column } from "../bundle/columns";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { drawn, scaleColour } from "../map/colours";
import type { Pen } from "../map/overlay";
import { columnName } from "../panels/columns";
import { scaleMarks } from "../panels/histogram";
import { svg } from "../ui/dom";
import { t, whole } from "../ui/language";
import type { Dot } from "./points";
import { hex, PRINT } from "./plot";

const MOST = 40; // entries
const LINE = 17; // units
const [BETWEEN, SWATCH] = [14, 14];
const FONT = "12px sans-serif";
const BAR = { width: 200, height: 9, stops: 16 };

/** Draws the legend of these points below y = 0; gives how many units high it is. */
export function drawLegend(
  pen: Pen,
  parent: SVGElement,
  explorer: Explorer,
  run: Run,
  dots: readonly Dot[],
  width: number,
): number {
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.fillStyle = PRINT.ink;
  const column = explorer.colouring(run);
  if (column && column.levels.length === 0) return scale(pen, parent, column, width);
  const words = column ? column.levels : run.entry.classes;
  const seen = new Set<number>();
  for (const { index, front } of dots) if (front) seen.add(column ? column.values[index] : run.labels[index]);
  const entries = words.filter((_, k) => seen.has(k));
  return entries.length === 0 ? 0 : rows(pen, entries, column ? columnName(column.name) : "", width);
}

function rows(
  pen: Pen,
  entries: readonly { name: string; colour: string }[],
  title: string,
  width: number,
): number {
  pen.textAlign = "left";
  let [x, y] = [0, LINE / 2];
  const place = (text: string, lead: number) => {
    const wide = lead + pen.measureText(text).width;
    if (x > 0 && x + wide > width) [x, y] = [0, y + LINE];
    pen.fillStyle = PRINT.ink;
    pen.fillText(text, x + lead, y);
    const at: [number, number] = [x, y];
    x += wide + BETWEEN;
    return at;
  };
  if (title) place(`${title}:`, 0);
  for (const { name, colour } of entries.slice(0, MOST)) {
    const [sx, sy] = place(name.length > 40 ? `${name.slice(0, 39)}…` : name, SWATCH);
    pen.beginPath();
    pen.arc(sx + 5, sy, 4.5, 0, 2 * Math.PI);
    pen.fillStyle = hex(drawn(colour));
    pen.fill();
  }
  if (entries.length > MOST) place(t("legendMore", { count: whole(entries.length - MOST) }), 0);
  return y + LINE / 2;
}

function scale(pen: Pen, parent: SVGElement, column: Column, width: number): number {
  const wide = Math.min(BAR.width, width);
  const gradient = svg("linearGradient", { id: "scale" });
  for (let i = 0; i <= BAR.stops; i++) {
    const share = i / BAR.stops;
    gradient.append(svg("stop", { offset: share, "stop-color": hex(scaleColour(share, false)) }));
  }
  const { height } = BAR;
  parent.append(gradient, svg("rect", { x: 0, y: LINE + 1, width: wide, height, fill: "url(#scale)" }));
  pen.textAlign = "left";
  pen.fillText(columnName(column.name), 0, LINE / 2);
  const y = LINE + height + 10;
  for (const { share, text, end } of scaleMarks(column)) {
    pen.textAlign = end === "first" ? "left" : end === "last" ? "right" : "center";
    pen.fillText(text, share * wide, y);
  }
  return y + LINE / 2;
}
