/** Which images are shown: a histogram to brush for each column of numbers, a legend for words. */
import type { Column } from "../bundle/columns";
import type { Explorer } from "../explorer";
import { button, el } from "../ui/dom";
import { inWords, say, t, whole } from "../ui/language";
import { columnName } from "./columns";
import { findField } from "./find";
import { Histogram } from "./histogram";
import { countsOf, Legend } from "./legend";

export class FilterPanel {
  readonly root = el("div", { class: "panel" });
  private readonly count = el("p", { role: "status" });
  private readonly everything: HTMLButtonElement;
  private readonly gatherThese: HTMLButtonElement;
  private readonly list = el("div", { class: "stack" });
  private shown: { show(): void }[] = [];

  constructor(
    private readonly explorer: Explorer,
    gather: () => void,
  ) {
    const { store } = explorer;
    this.everything = say(button("small", () => store.set({ filters: {}, hidden: [] })), "noFilters");
    this.gatherThese = say(button("small", gather), "gatherShown");
    this.root.append(
      findField(explorer),
      el("div", { class: "row between" }, this.count,
        el("div", { class: "row" }, this.gatherThese, this.everything)),
      say(el("p", { class: "muted" }), "filterHint"),
      this.list,
    );
    store.on(["filters", "hidden", "colour", "panel"], () => this.show());
    store.on(["run"], () => this.build());
    explorer.theme.onChange(() => this.show());
    inWords(() => this.build());
  }

  private build(): void {
    const run = this.explorer.main();
    const columns = [...run.columns.values()];
    this.built = columns.length;
    this.shown = [];
    this.list.replaceChildren(...columns.map((column) => this.section(column)));
    this.show();
  }

  private built = 0;

  private show(): void {
    const { explorer } = this;
    const { state } = explorer.store;
    if (state.panel !== "filter") return;
    const run = explorer.main();
    if (this.built !== run.columns.size) return this.build();
    const among = explorer.among(run);
    const kept = among ? among.reduce((sum, one) => sum + one, 0) : run.count;
    this.count.textContent = t("shownOf", { count: whole(kept), all: whole(run.count) });
    this.everything.disabled = Object.keys(state.filters).length === 0 && state.hidden.length === 0;
    this.gatherThese.disabled = kept === 0;
    for (const one of this.shown) one.show();
  }

  private section(column: Column): HTMLElement {
    const { explorer } = this;
    const { store } = explorer;
    const head = el("h3", {}, columnName(column.name));
    const by = button("small ghost", () =>
      store.set({ colour: store.state.colour === column.name ? "" : column.name }),
    );
    const clear = button("small ghost", () => explorer.filter(column.name, null));
    clear.textContent = t("noFilter");
    clear.setAttribute("aria-label", t("noFilterOf", { name: columnName(column.name) }));
    const body = column.levels.length > 0 ? this.words(column) : new Histogram(explorer, explorer.main(), column);
    const show = () => {
      clear.disabled = store.state.filters[column.name] === undefined;
      by.setAttribute("aria-pressed", String(store.state.colour === column.name));
      body.show();
    };
    by.textContent = t("colourThis");
    by.setAttribute("aria-label", t("colourByThis", { name: columnName(column.name) }));
    this.shown.push({ show });
    return el("section", { class: "stack tight", "data-column": column.name },
      el("div", { class: "row between" }, head, el("div", { class: "row" }, by, clear)), body.root);
  }

  private words(column: Column): { root: HTMLElement; show(): void } {
    const { explorer } = this;
    const legend = wordsLegend(explorer, column);
    return { root: legend.root, show: () => legend.showOff(without(explorer, column)) };
  }
}

/** The words of a column, which its filter leaves out or not. */
export function wordsLegend(explorer: Explorer, column: Column): Legend {
  const legend = new Legend("words", "findWord", "wordShown", (off, only) =>
    // Only a word, if it is the only one: without the images that have none.
    explorer.filter(column.name, off.length > 0 || only ? { without: off } : null),
  );
  const counts = countsOf(column.values, column.levels.length);
  legend.list({ entries: column.levels, counts, off: without(explorer, column) });
  return legend;
}

export function without(explorer: Explorer, column: Column): readonly number[] {
  const filter = explorer.store.state.filters[column.name];
  return filter && "without" in filter ? filter.without : [];
}
