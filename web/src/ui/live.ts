/** What is said to who does not see the page: z and the nearest image once they rest, and news. */
import type { Explorer } from "../explorer";
import { el } from "./dom";
import { figure, t } from "./language";

const RESTS = 600; // ms: a moving point would speak without end

const root = el("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
let waiting = 0;

/** Says it at once, in place of what was about to be said. */
export function announce(text: string): void {
  clearTimeout(waiting);
  root.textContent = text;
}

export function liveRegion(explorer: Explorer): HTMLElement {
  explorer.store.on(["z", "pinned", "hidden", "filters"], () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      const run = explorer.main();
      const { index } = explorer.near(run);
      const z = explorer.z(run).slice(0, 6).map((v) => figure(v, 2)).join(", ");
      root.textContent = t("spoken", { z, name: explorer.className(run, index) ?? t("noClass") });
    }, RESTS);
  });
  return root;
}
