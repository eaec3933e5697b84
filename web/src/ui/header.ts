/** Title, the choice of runs, language and theme. */
import type { RunEntry } from "../bundle/manifest";
import type { Explorer } from "../explorer";
import type { Theme } from "../state/state";
import { button, el, press } from "./dom";
import { icon } from "./icons";
import { inWords, name, priorWords, say, sourceName, t, whole } from "./language";

export function header(
  explorer: Explorer,
  showRun: (id: string) => void,
  showPair: (id: string) => void,
  help: HTMLElement,
): HTMLElement {
  const { store, manifest } = explorer;
  const facts = el("p", { class: "muted facts-line" });
  const showFacts = () => {
    const run = explorer.main();
    facts.textContent = t("facts", {
      count: whole(run.count),
      split: splitName(run.entry.points.split),
      d: run.d,
      prior: priorWords(run.entry.prior),
    });
  };
  store.on(["run"], showFacts);
  inWords(showFacts);
  store.on(["run", "pair"], () => titleDocument(explorer));
  inWords(() => titleDocument(explorer));
  const source = el("span");
  inWords(() => (source.textContent = sourceName(manifest)));
  const title = el("div", { class: "title" },
    el("h1", {}, el("span", { class: "brand" }, "reparam"), " ", source), facts);
  const root = el("header", { class: "masthead" }, title);
  if (manifest.runs.length > 1) root.append(runChoice(explorer, showRun), pairChoice(explorer, showPair));
  if (manifest.runs.some(isConditional)) root.append(classChoice(explorer));
  root.append(el("div", { class: "row settings" }, languageButton(explorer), themeButton(explorer), help));
  return root;
}

/** The tab of the browser names the runs that are shown. */
function titleDocument(explorer: Explorer): void {
  const { store, manifest } = explorer;
  const { run, pair } = store.state;
  const runs = [run, pair].filter((id) => id !== "").map((id) => explorer.entry(id)?.title ?? id);
  document.title = `${runs.join(", ")} · ${sourceName(manifest)} · ${t("title")}`;
}

function splitName(split: string): string {
  const known = ["train", "valid", "test"] as const;
  const found = known.find((name) => name === split);
  return found ? t(`split_${found}`) : split;
}

function runChoice(explorer: Explorer, showRun: (id: string) => void): HTMLElement {
  const group = name(el("div", { class: "segmented", role: "group" }), "runs", false);
  const buttons = explorer.manifest.runs.map(({ id, title }) => {
    const one = button("", () => showRun(id));
    one.textContent = title;
    one.dataset["run"] = id;
    return one;
  });
  group.append(...buttons);
  explorer.store.show(["run"], ({ run }) =>
    buttons.forEach((one) => press(one, one.dataset["run"] === run)),
  );
  return group;
}

/** With two runs a switch, with more a menu. */
function pairChoice(explorer: Explorer, showPair: (id: string) => void): HTMLElement {
  const { store, manifest } = explorer;
  if (manifest.runs.length === 2) {
    const other = () => manifest.runs.find((run) => run.id !== store.state.run)!.id;
    const one = button("compare", () => showPair(store.state.pair ? "" : other()));
    one.append(icon("pair"), say(el("span"), "compare"));
    store.show(["pair"], ({ pair }) => press(one, pair !== ""));
    return one;
  }
  const select = el("select", { class: "compare" });
  const fill = () => {
    const { run, pair } = store.state;
    select.replaceChildren(el("option", { value: "" }, t("compare")));
    for (const { id, title } of manifest.runs) {
      if (id === run) continue;
      const text = t("compareWith", { title });
      select.append(el("option", { value: id, selected: id === pair }, text));
    }
  };
  store.on(["run", "pair"], fill);
  inWords(fill);
  select.addEventListener("change", () => showPair(select.value));
  return name(select, "compare", false);
}

function isConditional(entry: RunEntry): boolean {
  return entry.decoder.labels !== null;
}

/** The class that conditional models decode to. */
function classChoice(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const select = el("select", { class: "of-class" });
  const fill = () => {
    const shown = explorer.shown().map(({ entry }) => entry).filter(isConditional);
    select.hidden = shown.length === 0;
    const classes = shown[0]?.classes ?? [];
    const chosen = Math.min(store.state.ofClass, classes.length - 1);
    select.replaceChildren(
      ...classes.map(({ name: one }, k) =>
        el("option", { value: k, selected: k === chosen }, t("asClass", { name: one }))),
    );
  };
  store.on(["run", "pair", "ofClass"], fill);
  inWords(fill);
  select.addEventListener("change", () => store.set({ ofClass: Number(select.value) }));
  return name(select, "ofClass", false);
}

function languageButton(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const one = button("ghost", () =>
    store.set({ language: store.state.language === "en" ? "ko" : "en" }),
  );
  one.dataset["action"] = "language";
  // Its text is its name, which speech input needs; the tooltip says more.
  inWords(() => {
    one.title = t("languageName");
    one.lang = store.state.language === "en" ? "ko" : "en";
  });
  return say(one, "language");
}

const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

function themeButton(explorer: Explorer): HTMLElement {
  const { store } = explorer;
  const one = button("ghost icon-only", () => store.set({ theme: NEXT[store.state.theme] }));
  one.dataset["action"] = "theme";
  const show = () => {
    const { theme } = store.state;
    one.replaceChildren(icon(theme === "auto" ? "auto" : theme === "light" ? "sun" : "moon"));
    const word = theme === "auto" ? "themeAuto" : theme === "light" ? "themeLight" : "themeDark";
    one.setAttribute("aria-label", t(word));
    one.title = t(word);
  };
  store.on(["theme"], show);
  inWords(show);
  return one;
}
