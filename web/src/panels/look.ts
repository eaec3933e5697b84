/** What the map shows: classes as a legend, rings, names, the decoded background. */
import type { Explorer } from "../explorer";
import type { Background, Points, State } from "../state/state";
import { button, el, press } from "../ui/dom";
import { inWords, name, say, t, type Word } from "../ui/language";
import { colourChoice } from "./colour";

export function lookPanel(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const root = el("div", { class: "panel" });
  const names = toggle(explorer, "names", "names");
  store.show(["run"], () => (names.hidden = explorer.main().entry.classes.length === 0));
  root.append(
    colourChoice(explorer),
    toggle(explorer, "dim", "dimOthers"),
    names,
    toggle(explorer, "rings", "rings"),
    toggle(explorer, "posterior", "posteriorEllipse"),
    say(el("h3"), "pointsAs"),
    pointsChoice(explorer),
    say(el("h3"), "background"),
    backgroundChoice(explorer),
  );
  return root;
}

type Flag = "dim" | "rings" | "posterior" | "names";

function toggle(explorer: Explorer, key: Flag, word: Word): HTMLElement {
  const { store } = explorer;
  const input = el("input", { type: "checkbox", name: key });
  input.addEventListener("change", () => store.set({ [key]: input.checked } as Partial<State>));
  store.show([key], (state) => (input.checked = state[key]));
  const text = el("span");
  const label = el("label", { class: "check" }, input, text);
  const words = () => {
    const run = explorer.main();
    const boxed = key === "rings" && run.entry.prior.low !== null;
    text.textContent = t(boxed ? "ringsBox" : word);
    // A run without variances has no posterior's ellipse to show.
    label.hidden = key === "posterior" && !run.entry.points.log_var;
  };
  store.on(["run"], words);
  inWords(words);
  return label;
}

function pointsChoice(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const words: Record<Points, Word> = { dots: "asDots", pictures: "asPictures" };
  return segmented("pointsAs", words, store.state.points, (points) => store.set({ points }), (show) =>
    store.on(["points"], (s) => show(s.points)),
  );
}

function backgroundChoice(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const words: Record<Background, Word> = {
    off: "bgOff",
    window: "bgWindow",
    quantiles: "bgQuantiles",
  };
  return segmented("background", words, store.state.background, (background) =>
    store.set({ background }), (show) => store.on(["background"], (s) => show(s.background)),
  );
}

/** A row of choices of which one holds. */
export function segmented<T extends string>(
  label: Word,
  words: Record<T, Word>,
  first: T,
  choose: (value: T) => void,
  follow: (show: (value: T) => void) => void,
): HTMLElement {
  const group = el("div", { class: "segmented", role: "group" });
  name(group, label, false);
  const buttons = (Object.keys(words) as T[]).map((value) => {
    const one = say(button("", () => choose(value)), words[value]);
    one.dataset["value"] = value;
    return one;
  });
  const show = (value: T) => buttons.forEach((one) => press(one, one.dataset["value"] === value));
  group.append(...buttons);
  show(first);
  follow(show);
  return group;
}
