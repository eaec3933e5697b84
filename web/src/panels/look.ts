/** What the map shows: classes as a legend, rings, names, the decoded background. */
import type { Explorer } from "../explorer";
import { safeColour } from "../map/colours";
import type { Background, State } from "../state/state";
import { button, el, press } from "../ui/dom";
import { inWords, name, say, t, whole, type Word } from "../ui/language";

const FILTERED = 20; // classes, beyond which the legend has a search field

export function lookPanel(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const root = el("div", { class: "panel" });
  const legend = el("div", { class: "legend", role: "group" });
  name(legend, "classes", false);
  const showLegend = () => {
    legend.replaceChildren(...legendRows(explorer));
    showFound();
  };
  store.on(["hidden"], (state) => {
    const hidden = new Set(state.hidden);
    legend.querySelectorAll<HTMLElement>(".legend-class").forEach((row, k) =>
      press(row, !hidden.has(k)),
    );
  });
  const filter = el("input", { type: "search", class: "filter", autocomplete: "off" });
  inWords(() => {
    filter.placeholder = t("filterClasses");
    filter.setAttribute("aria-label", t("filterClasses"));
  });
  const showFound = () => {
    const { classes } = explorer.main().entry;
    filter.hidden = classes.length <= FILTERED;
    const wanted = filter.hidden ? "" : filter.value.trim().toLowerCase();
    legend.querySelectorAll<HTMLElement>(".legend-row").forEach((row, k) => {
      row.hidden = !classes[k].name.toLowerCase().includes(wanted);
    });
  };
  filter.addEventListener("input", showFound);
  const everything = say(button("small", () => store.set({ hidden: [] })), "all");
  store.on(["run"], showLegend);
  inWords(showLegend);
  const ofClasses = el("div", { class: "stack" },
    el("div", { class: "row between" }, say(el("h3"), "classes"), everything),
    filter,
    legend,
    toggle(explorer, "dim", "dimOthers"),
    toggle(explorer, "names", "names"));
  store.show(["run"], () => (ofClasses.hidden = explorer.main().entry.classes.length === 0));
  root.append(
    ofClasses,
    toggle(explorer, "rings", "rings"),
    toggle(explorer, "posterior", "posteriorEllipse"),
    say(el("h3"), "background"),
    backgroundChoice(explorer),
  );
  return root;
}

function legendRows(explorer: Explorer): HTMLElement[] {
  const { store } = explorer;
  const run = explorer.main();
  const { classes } = run.entry;
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of run.labels) if (label < counts.length) counts[label]++;
  return classes.map(({ name: text, colour }, k) => {
    const row = button("legend-class", () => {
      const { hidden } = store.state;
      store.set({ hidden: hidden.includes(k) ? hidden.filter((c) => c !== k) : [...hidden, k] });
    });
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = safeColour(colour);
    row.append(swatch, el("span", { class: "legend-name" }, text));
    row.append(el("span", { class: "muted count" }, whole(counts[k])));
    row.setAttribute("aria-label", t("classShown", { name: text }));
    press(row, !store.state.hidden.includes(k));
    const only = button("small ghost", () =>
      store.set({ hidden: classes.map((_, c) => c).filter((c) => c !== k) }),
    );
    only.textContent = t("onlyShort");
    only.setAttribute("aria-label", t("onlyThis", { name: text }));
    return el("div", { class: "legend-row" }, row, only);
  });
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
