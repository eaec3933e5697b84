/** ε by keyboard: a slider for each of two dimensions, or for one that is chosen among many. */
import { el } from "../ui/dom";
import { t } from "../ui/language";

const REACH = 3.5;

export function noiseSliders(set: (epsilon: number[]) => void) {
  const root = el("div", { class: "noise-sliders" });
  const choice = el("select");
  let epsilon: number[] = [];
  let key = "";
  let inputs = new Map<number, HTMLInputElement>();

  const slider = (index: number): HTMLInputElement => {
    const input = el("input", { type: "range", min: -REACH, max: REACH, step: 0.01 });
    input.addEventListener("input", () => {
      const next = [...epsilon];
      next[index] = Number(input.value);
      set(next);
    });
    inputs.set(index, input);
    return input;
  };
  const nameOf = (index: number) => `ε${index + 1}`;

  const build = (chosen: readonly number[]): void => {
    inputs = new Map();
    if (epsilon.length < 3) {
      root.replaceChildren(...epsilon.map((_, i) =>
        el("label", { class: "noise-slider" }, el("span", {}, nameOf(i)), slider(i))));
      return;
    }
    choice.replaceChildren(...chosen.map((i) => el("option", { value: i }, nameOf(i))));
    choice.setAttribute("aria-label", t("mechDimension"));
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
    for (const [index, input] of inputs) {
      input.setAttribute("aria-label", nameOf(index));
      if (document.activeElement !== input || Number(input.value) !== epsilon[index]) {
        input.value = String(epsilon[index]);
      }
    }
  };

  const show = (now: readonly number[], chosen: readonly number[]): void => {
    epsilon = [...now];
    const next = `${now.length} ${chosen.join()}`;
    if (next !== key) build(chosen);
    key = next;
    place();
  };
  return { root, show };
}
