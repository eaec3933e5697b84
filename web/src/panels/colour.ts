/** What the points are coloured by, with its legend. */
import { NO_LABEL } from "../bundle/run";
import type { Explorer } from "../explorer";
import { button, el } from "../ui/dom";
import { inWords, say, t } from "../ui/language";
import { columnName } from "./columns";
import { wordsLegend, without } from "./filter";
import { Histogram } from "./histogram";
import { countsOf, Legend } from "./legend";

export function colourChoice(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const choice = el("select", { name: "colour" });
  choice.addEventListener("change", () => store.set({ colour: choice.value }));
  const classes = new Legend("classes", "filterClasses", "classShown", (hidden, only) => {
    // Only a class: without the images of no class, too.
    const others = only && explorer.main().labels.includes(NO_LABEL) ? [NO_LABEL] : [];
    store.set({ hidden: [...hidden, ...others] });
  });
  const everything = say(button("small", () => store.set({ hidden: [] })), "all");
  const ofClasses = el("div", { class: "stack" },
    el("div", { class: "row between" }, say(el("h3"), "classes"), everything), classes.root);
  const ofColumn = el("div", { class: "stack" });
  let legend: { show(): void } | null = null;

  let known = 0;
  const build = () => {
    const run = explorer.main();
    known = run.columns.size;
    const names = run.entry.points.columns.map((column) => column.name);
    const first = run.entry.classes.length > 0 ? "class" : "oneColour";
    choice.replaceChildren(
      el("option", { value: "" }, t(first)),
      ...names.map((name) => el("option", { value: name }, columnName(name))),
    );
    choice.value = names.includes(store.state.colour) ? store.state.colour : "";
    const { classes: entries } = run.entry;
    const column = explorer.colouring(run);
    ofClasses.hidden = entries.length === 0 || column !== null;
    classes.list({ entries, counts: countsOf(run.labels, entries.length), off: store.state.hidden });
    ofColumn.replaceChildren();
    legend = null;
    if (column && column.levels.length > 0) {
      const words = wordsLegend(explorer, column);
      legend = { show: () => words.showOff(without(explorer, column)) };
      ofColumn.append(words.root);
    } else if (column) {
      const histogram = new Histogram(explorer, run, column);
      legend = histogram;
      ofColumn.append(histogram.root);
    }
  };
  store.on(["run", "colour"], build);
  store.on(["filters", "hidden"], ({ hidden }) => {
    if (known !== explorer.main().columns.size) return build();
    classes.showOff(hidden);
    legend?.show();
  });
  explorer.theme.onChange(build);
  inWords(build);
  return el("div", { class: "stack" },
    el("label", { class: "field" }, say(el("span"), "colourBy"), choice), ofClasses, ofColumn);
}
