/** ε by keyboard: a slider for each of few dimensions, or for one that is chosen among many. */
import type { Run } from "../bundle/run";
import { elementName } from "../ui/axis";
import { el } from "../ui/dom";
import { name } from "../ui/language";
import { REACH } from "./plane";

const FEW = 2; // dimensions that have a slider each

export function noiseSliders(set: (epsilon: number[]) => void) {
  const root = el("div", { class: "noise-sliders" });
  const choice = name(el("select"), "mechDimension", false);
  let epsilon: number[] = [];
  let key = "";
  let inputs = new Map<number, HTMLInputElement>();

  let run: Run;
  const nameOf = (index: number) => elementName(run, index, "ε");
  const slider = (index: number): HTMLInputElement => {
    const input = el("input", {
      type: "range", min: -REACH, max: REACH, step: 0.01, "aria-label": nameOf(index),
    });
    input.addEventListener("input", () => {
      const next = [...epsilon];
      next[index] = Number(input.value);
      set(next);
    });
    inputs.set(index, input);
    return input;
  };

  const build = (chosen: readonly number[]): void => {
    inputs = new Map();
    if (epsilon.length <= FEW) {
      root.replaceChildren(...epsilon.map((_, i) =>
        el("label", { class: "noise-slider" }, el("span", {}, nameOf(i)), slider(i))));
      return;
    }
    choice.replaceChildren(...chosen.map((i) => el("option", { value: i }, nameOf(i))));
    const line = el("div", { class: "noise-slider" }, choice);
    const follow = () => {
      inputs = new Map();
      const index = Number(choice.value);
      line.replaceChildren(choice, slider(index));
      place();
    };
    choice.onchange = follow;
    root.replaceChildren(line);
    follow();
  };

  const place = (): void => {
    for (const [index, input] of inputs) input.value = String(epsilon[index]);
  };

  const show = (of: Run, now: readonly number[], chosen: readonly number[]): void => {
    run = of;
    epsilon = [...now];
    const next = `${run.id} ${chosen.join()}`;
    if (next !== key) build(chosen);
    key = next;
    place();
  };
  return { root, show };
}
