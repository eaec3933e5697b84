/** What the lasso caught: pictures, class counts, the mean image, a table. */
import { asProblem } from "../bundle/problem";
import { labelOf, type Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { safeColour } from "../map/colours";
import { paint, type Picture } from "../picture/picture";
import type { Group } from "../state/state";
import { button, copyText, el, image, oneTabStop, save } from "../ui/dom";
import { inWords, say, t, whole, type Word } from "../ui/language";
import { countBars } from "./counts";
import { csvOf } from "./table";

const PAGE = 60;

export class GalleryPanel {
  readonly root = el("div", { class: "panel" });
  /** Indices of the points that are caught. */
  caught: number[] = [];
  /** The mean of their pictures, bytes, or null while it is being made. */
  mean: Picture | null = null;
  private group: Group | "shown" | readonly number[] = null;
  private readonly catchListeners: (() => void)[] = [];
  private shown = PAGE;
  private readonly empty = el("div", { class: "stack" });
  private readonly full = el("div", { class: "stack" });
  private readonly count = el("h3");
  private readonly bars = el("div");
  private readonly meanCanvas = image("picture");
  private readonly pictures = el("div", { class: "gallery" });
  private readonly groupButtons: HTMLElement[] = [];
  private readonly said = el("p", { class: "muted", role: "status" });
  private readonly more = say(button("ghost", () => this.showMore()), "more");

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    const asGroup = (key: "groupA" | "groupB", word: Word) => {
      const one = say(button("as-group", () => store.set({ [key]: this.group, panel: "direction" })), word);
      this.groupButtons.push(one);
      return one;
    };
    this.full.append(
      el("div", { class: "row between" }, this.count,
        say(button("small", () => this.gather(null)), "letGo")),
      el("div", { class: "row top" },
        el("figure", {}, this.meanCanvas, say(el("figcaption"), "meanImage")), this.bars),
      el("div", { class: "row" },
        say(button("", () => void this.saveCsv()), "saveCsv"),
        say(button("", () => void this.copyNames()), "copyNames"),
        asGroup("groupA", "asGroupA"),
        asGroup("groupB", "asGroupB")),
      this.said,
      this.pictures,
      this.more,
    );
    oneTabStop(this.pictures);
    this.root.append(this.empty, this.full);
    store.show(["lasso", "picked", "run", "frame", "plane"], ({ lasso, picked }) =>
      this.gather(picked.length > 0 ? picked : lasso.length > 2 ? { lasso } : null, false),
    );
    store.on(["hidden", "filters"], () => this.gather(this.group, false));
    explorer.theme.onChange(() => this.show());
    inWords(() => this.show());
  }

  /** Calls the listener each time that points are caught, or let go. */
  onCatch(listener: () => void): void {
    this.catchListeners.push(listener);
  }

  /** Shows the points of a group, those that the filters keep, or those of these numbers; null lets
   * go. */
  gather(group: Group | "shown" | readonly number[], clear = true): void {
    const run = this.explorer.main();
    const { lasso, picked } = this.explorer.store.state;
    // Before the points are taken over: who listens to these lets go of all.
    if (clear && lasso.length + picked.length > 0) this.explorer.store.set({ lasso: [], picked: [] });
    this.group = group;
    this.caught = this.pointsOf(run, group);
    this.said.textContent = "";
    for (const one of this.groupButtons) one.hidden = group === "shown" || isPoints(group);
    this.shown = PAGE;
    this.mean = null;
    this.show();
    void this.makeMean(this.caught);
    for (const listener of this.catchListeners) listener();
  }

  private pointsOf(run: Run, group: Group | "shown" | readonly number[]): number[] {
    if (group === "shown") return this.explorer.shownOf(run);
    return isPoints(group) ? group.filter((i) => i < run.count) : this.explorer.members(run, group);
  }

  private show(): void {
    const run = this.explorer.main();
    const { classes } = run.entry;
    this.empty.hidden = this.caught.length > 0;
    this.full.hidden = !this.empty.hidden;
    this.count.textContent = t("caught", { count: whole(this.caught.length) });
    const choices = classes.map(({ name, colour }, k) => {
      const one = button("chip", () => this.gather({ class: k }));
      const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = safeColour(colour);
      one.append(swatch, name);
      one.setAttribute("aria-label", t("catchClass", { name }));
      return one;
    });
    this.empty.replaceChildren(
      el("p", { class: "muted" }, t("lassoEmpty")),
      el("div", { class: "chips" }, ...choices),
    );
    const counts = this.counts();
    this.bars.replaceChildren(countBars(classes.filter((_, k) => counts[k] > 0), counts.filter(Boolean)));
    if (this.mean) paint(this.meanCanvas, this.mean, this.explorer.look(run));
    this.meanCanvas.setAttribute("aria-label", t("meanOf", { count: this.caught.length }));
    this.pictures.replaceChildren();
    this.add(run, this.caught.slice(0, this.shown));
    this.more.hidden = this.shown >= this.caught.length;
  }

  counts(): number[] {
    const run = this.explorer.main();
    const counts = new Array<number>(run.entry.classes.length).fill(0);
    for (const i of this.caught) {
      const label = labelOf(run, i);
      if (label !== null) counts[label]++;
    }
    return counts;
  }

  private showMore(): void {
    const next = this.caught.slice(this.shown, this.shown + PAGE);
    this.shown += PAGE;
    this.more.hidden = this.shown >= this.caught.length;
    this.add(this.explorer.main(), next);
  }

  private add(run: Run, indices: readonly number[]): void {
    for (const index of indices) {
      const one = button("thumb", () => this.explorer.moveToImage(run, index));
      const canvas = el("canvas", { "aria-hidden": "true", width: 1, height: 1 });
      const name = this.explorer.className(run, index) ?? t("noClass");
      one.setAttribute("aria-label", t("goTo", { index, name }));
      one.title = name;
      one.append(canvas);
      this.pictures.append(one);
      run.thumbnails.get(index).then(
        (picture) => paint(canvas, picture, this.explorer.look(run)),
        (error) => this.explorer.banner.show(asProblem(error, "missing")),
      );
    }
  }

  private async makeMean(caught: readonly number[]): Promise<void> {
    const run = this.explorer.main();
    let sum: Float64Array | undefined;
    let first: Picture | undefined;
    let n = 0;
    try {
      for (const index of caught) {
        const picture = await run.thumbnails.get(index);
        if (this.caught !== caught) return;
        if (!picture) continue;
        first ??= picture;
        sum ??= new Float64Array(picture.pixels.length);
        for (let i = 0; i < sum.length; i++) sum[i] += picture.pixels[i];
        n++;
      }
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "missing"));
    }
    if (!sum || !first) return;
    this.mean = { ...first, pixels: Uint8ClampedArray.from(sum, (v) => v / n) };
    paint(this.meanCanvas, this.mean, this.explorer.look(run));
  }

  private async saveCsv(): Promise<void> {
    const run = this.explorer.main();
    try {
      save("points.csv", "text/csv", csvOf(run, this.caught, await run.files()));
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "missing"));
    }
  }

  /** The files' names to the clipboard, a line each; numbers of images that are no files. */
  private async copyNames(): Promise<void> {
    const run = this.explorer.main();
    try {
      const files = await run.files();
      const copied = await copyText(this.caught.map((i) => files?.[i] ?? String(i)).join("\n"));
      this.said.textContent = t(copied ? "copied" : "notCopied", { count: whole(this.caught.length) });
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "missing"));
    }
  }
}

const isPoints = (group: Group | "shown" | readonly number[]): group is readonly number[] =>
  Array.isArray(group);
