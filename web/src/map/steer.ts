/** What mouse, fingers and keys do to a map. */
import type { Store } from "../state/store";
import { t } from "../ui/language";
import { announce } from "../ui/live";
import { listenGestures, listenKeys } from "./gestures";
import type { Pane } from "./pane";

export function steer(pane: Pane, store: Store): void {
  let pinnedBefore = false; // the first tap of a double tap has pinned already
  listenGestures(pane.root, {
    draws: () => store.state.tool === "lasso",
    point: (x, y, held) => {
      if (held) pane.go(x, y, false);
      else if (!store.state.pinned) pane.go(x, y);
    },
    pan: (dx, dy) => pane.pan(dx, dy),
    zoom: (factor, x, y) => pane.zoomAt(factor, x, y),
    tap: (x, y) => {
      pinnedBefore = store.state.pinned;
      pane.go(x, y, true);
      if (store.state.tool === "path") pane.addStop();
    },
    doubleTap: () => {
      if (store.state.tool !== "path") store.set({ pinned: pinnedBefore });
      pane.flyHome();
    },
    stroke: (x, y, part) => pane.stroke(x, y, part),
  });
  const set = () => {
    if (store.state.tool === "lasso") {
      pane.lasso.corner(pane.here());
      announce(t("lassoCorners", { count: pane.lasso.keyed }));
      return pane.redraw("overlay");
    }
    if (store.state.tool === "path") pane.addStop();
    store.set({ pinned: true });
  };
  listenKeys(pane.root, {
    step: (dx, dy) => {
      const [x, y] = pane.cursor();
      pane.go(x + dx, y + dy, true);
    },
    pan: (dx, dy) => pane.pan(dx, dy),
    zoom: (factor) => pane.zoom(factor),
    set,
    finish: () => {
      if (store.state.tool !== "lasso") set();
      else if (!pane.lasso.close()) announce(t("lassoFew"));
      pane.redraw("overlay");
    },
    back: () => {
      const { tool, path } = store.state;
      if (tool === "path") store.set({ path: path.slice(0, -1) });
      if (tool !== "lasso" || pane.lasso.keyed === 0) return;
      pane.lasso.back();
      announce(t("lassoCorners", { count: pane.lasso.keyed }));
      pane.redraw("overlay");
    },
    home: () => pane.flyHome(),
    release: () => {
      if (pane.lasso.keyed === 0) return store.set({ pinned: false, lasso: [], picked: [] });
      pane.lasso.drop();
      pane.redraw("overlay");
    },
  });
}
