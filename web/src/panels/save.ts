/** Saves images along a line of latents as one PNG: how many, and how large each pixel is. */
import { asProblem } from "../bundle/problem";
import type { Explorer } from "../explorer";
import { pictureOf } from "../picture/picture";
import { MOST_PIXELS, stripPng } from "../picture/strip";
import { button, el, save } from "../ui/dom";
import { inWords, name, say, t, whole, type Word } from "../ui/language";

const [FEWEST, MOST] = [2, 200]; // images
const LARGEST = 64; // pixels for one of the image
const SIDE = 112; // pixels: about how wide an image is at first

export interface StripSaver {
  root: HTMLElement;
  /** Says anew how large the file would be. */
  describe(): void;
}

/** `rows`: the latents of each row, so many in each; `lines`: how many rows. `choice`: says which. */
export function stripSaver(
  explorer: Explorer,
  file: string,
  first: number,
  rows: (count: number) => number[][][],
  lines: () => number = () => 1,
  choice?: HTMLSelectElement,
): StripSaver {
  const { width } = explorer.main().entry.image;
  const number = (word: Word, value: number, min: number, max: number) => {
    const input = el("input", { type: "number", value, min, max, step: 1 });
    const chosen = () => Math.min(max, Math.max(min, Math.round(Number(input.value)) || min));
    input.addEventListener("input", () => describe());
    input.addEventListener("change", () => (input.value = String(chosen())));
    return { field: el("label", { class: "field" }, say(el("span"), word), input), chosen };
  };
  const count = number("stripCount", first, FEWEST, MOST);
  const scale = number("stripScale", Math.max(1, Math.round(SIDE / width)), 1, LARGEST);
  const size = el("p", { class: "muted", role: "status" });
  const saver = say(button("", () => void make()), "saveStrip");

  const describe = () => {
    const { image } = explorer.main().entry;
    const [n, times] = [count.chosen(), scale.chosen()];
    const across = n * image.width * times;
    const down = lines() * image.height * times;
    const most = whole(MOST_PIXELS);
    saver.disabled = Math.max(across, down) > MOST_PIXELS;
    const word = saver.disabled ? "stripTooLarge" : "stripSize";
    size.textContent = t(word, { width: whole(across), height: whole(down), most });
  };
  const make = async () => {
    const run = explorer.main();
    const [n, times] = [count.chosen(), scale.chosen()];
    const latents = rows(n).flat();
    if (latents.length === 0) return;
    try {
      const images = await explorer.pool.decodeAll(run.entry, latents);
      const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
      save(`${file}.png`, "image/png", await stripPng(pictures, n, times, explorer.look(run)));
    } catch (error) {
      explorer.banner.show(asProblem(error, "engine"));
    }
  };
  inWords(describe);
  explorer.store.on(["run"], describe);
  const root = el("div", { class: "stack strip-saver", role: "group" }, say(el("h3"), "stripPng"));
  if (choice) root.append(el("label", { class: "field" }, say(el("span"), "stripOf"), choice));
  root.append(el("div", { class: "row" }, count.field, scale.field), el("div", { class: "row between" }, size, saver));
  return { root: name(root, "stripPng", false), describe };
}
