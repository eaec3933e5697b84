/** Says z and the class of the nearest image to who does not see the map, once it rests. */
import type { Explorer } from "../explorer";
import { el } from "./dom";
import { figure, t } from "./language";

const RESTS = 600; // ms: a moving point would speak without end

export function liveRegion(explorer: Explorer): HTMLElement {
  const root = el("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  let waiting = 0;
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
