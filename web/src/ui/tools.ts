/** What a tap or a drag on the map means, and the buttons for its window. */
import type { Pane } from "../map/pane";
import type { Tool } from "../state/state";
import type { Store } from "../state/store";
import { button, el, press } from "./dom";
import { type Icon, icon } from "./icons";
import { inWords, name, say, t, type Word } from "./language";

const TOOLS: Record<Tool, [Icon, Word, Word]> = {
  move: ["move", "toolMove", "look"],
  lasso: ["lasso", "toolLasso", "gallery"],
  path: ["path", "toolPath", "path"],
};

const HINTS: Record<Tool, Word> = { move: "mapHint", lasso: "lassoHint", path: "pathHint" };

export function toolButtons(store: Store): HTMLElement {
  const group = name(el("div", { class: "segmented", role: "group" }), "tabs", false);
  for (const tool of Object.keys(TOOLS) as Tool[]) {
    const [picture, word, short] = TOOLS[tool];
    const one = button("with-icon", () => {
      store.set({ tool, ...(tool === "move" ? {} : { panel: tool === "lasso" ? "gallery" : "path" }) });
    });
    one.dataset["tool"] = tool;
    one.append(icon(picture), say(el("span"), tool === "move" ? "moveShort" : short));
    store.show(["tool"], (state) => press(one, state.tool === tool));
    group.append(name(one, word));
  }
  const touch = matchMedia("(pointer: coarse)").matches;
  const hint = el("p", { class: "muted hint" });
  const showHint = () => {
    const { tool } = store.state;
    hint.textContent = t(touch && tool === "move" ? "mapHintTouch" : HINTS[tool]);
  };
  store.on(["tool"], showHint);
  inWords(showHint);
  return el("div", { class: "stage-head" }, group, hint);
}

/** `save`: the last of them, with what it opens. */
export function mapButtons(pane: Pane, save: HTMLElement): HTMLElement {
  const one = (picture: Icon, word: Word, click: () => void) => {
    const made = name(button("icon-only", click), word);
    made.append(icon(picture));
    return made;
  };
  return el(
    "div",
    { class: "map-buttons" },
    one("plus", "zoomIn", () => pane.zoom(1.5)),
    one("minus", "zoomOut", () => pane.zoom(1 / 1.5)),
    one("home", "home", () => pane.flyHome()),
    save,
  );
}
