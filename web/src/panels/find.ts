/** Goes to an image by its number or its file's name. */
import { asProblem } from "../bundle/problem";
import type { Explorer } from "../explorer";
import { button, el } from "../ui/dom";
import { inWords, say, t } from "../ui/language";

const MOST = 8; // matches that are listed

export function findField(explorer: Explorer): HTMLElement {
  const field = el("input", { type: "search", class: "filter", autocomplete: "off", name: "find" });
  const matches = el("div", { class: "matches", role: "group" });
  const said = el("p", { class: "muted", role: "status" });
  inWords(() => {
    field.placeholder = t("findHint");
    field.setAttribute("aria-label", t("findHint"));
    matches.setAttribute("aria-label", t("findHint"));
  });
  const go = (index: number) => {
    const run = explorer.main();
    explorer.moveToImage(run, index);
    explorer.centre(run);
    said.textContent = "";
  };

  /** Indices that the text means, the best first. */
  const found = async (wanted: string): Promise<[number, string][]> => {
    const run = explorer.main();
    const names = await run.files();
    const list: [number, string][] = [];
    if (/^\d+$/.test(wanted) && Number(wanted) < run.count) {
      list.push([Number(wanted), t("nearestIs", { index: Number(wanted) })]);
    }
    const lower = wanted.toLowerCase();
    names?.forEach((name, i) => {
      const same = name.toLowerCase() === lower || name.toLowerCase().endsWith(`/${lower}`);
      if (same) list.unshift([i, name]);
      else if (list.length < MOST && name.toLowerCase().includes(lower)) list.push([i, name]);
    });
    return list.slice(0, MOST);
  };

  const show = async (enter: boolean) => {
    const wanted = field.value.trim();
    matches.replaceChildren();
    said.textContent = "";
    if (wanted === "") return;
    try {
      const list = await found(wanted);
      if (field.value.trim() !== wanted) return;
      if (list.length === 0) said.textContent = t("findNothing", { wanted });
      else if (enter) go(list[0][0]);
      matches.replaceChildren(...list.map(([index, text]) => {
        const one = button("small", () => go(index));
        one.textContent = text;
        return one;
      }));
    } catch (error) {
      explorer.banner.show(asProblem(error, "missing"));
    }
  };
  field.addEventListener("input", () => void show(false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") void show(true);
  });
  explorer.store.on(["run"], () => void show(false));
  return el("div", { class: "stack tight" }, say(el("h3"), "find"), field, matches, said);
}
