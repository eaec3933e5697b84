/** One tool at a time (WAI-ARIA Authoring Practices: tabs). */
import type { Panel } from "../state/state";
import type { Store } from "../state/store";
import { button, el } from "./dom";
import { name, say } from "./language";

export class Tabs {
  readonly root = el("section", { class: "tools" });

  constructor(store: Store, panels: Record<Panel, HTMLElement>) {
    const list = name(el("div", { class: "tabs", role: "tablist" }), "tabs", false);
    const keys = Object.keys(panels) as Panel[];
    const tabs = keys.map((key) => {
      const tab = say(button("tab", () => store.set({ panel: key })), key);
      tab.id = `tab-${key}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", `panel-${key}`);
      const panel = panels[key];
      panel.id = `panel-${key}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      return tab;
    });
    list.append(...tabs);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -99, End: 99 }[event.key];
      if (step === undefined) return;
      const at = keys.indexOf(store.state.panel);
      const to = Math.abs(step) > 1 ? (step < 0 ? 0 : keys.length - 1) : (at + step + keys.length) % keys.length;
      store.set({ panel: keys[to] });
      tabs[to].focus();
      event.preventDefault();
    });
    this.root.append(list, ...Object.values(panels));
    store.show(["panel"], ({ panel }) => {
      keys.forEach((key, i) => {
        const chosen = key === panel;
        tabs[i].setAttribute("aria-selected", String(chosen));
        tabs[i].tabIndex = chosen ? 0 : -1;
        panels[key].hidden = !chosen;
      });
      const tab = tabs[keys.indexOf(panel)];
      // Once it has a place: the first time the page is not put together yet.
      requestAnimationFrame(() => {
        list.scrollLeft = tab.offsetLeft - list.clientWidth / 2 + tab.clientWidth / 2;
      });
    });
  }
}
