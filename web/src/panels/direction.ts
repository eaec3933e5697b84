/** Attribute directions: the difference of two groups' means, added to an image. */
import { asProblem } from "../bundle/problem";
import { meanOf, type Run } from "../bundle/run";
import { Latest } from "../engine/latest";
import type { Explorer } from "../explorer";
import { meanOfRows } from "../math/points";
import { paint, paintSheet, pictureOf } from "../picture/picture";
import type { Group } from "../state/state";
import { button, el, image } from "../ui/dom";
import { figure, inWords, name, say, t, whole } from "../ui/language";
import { stripSaver } from "./save";

const STEPS = 10;
const [LOW, HIGH] = [-1, 2];

export class DirectionPanel {
  readonly root = el("div", { class: "panel" });
  private readonly choices = el("div", { class: "stack" });
  private readonly empty = say(el("p", { class: "muted" }), "directionEmpty");
  private readonly along = el("div", { class: "stack" });
  private readonly length = el("p", { class: "muted" });
  private readonly base = image("picture");
  private readonly strip = image("strip");
  private readonly amount = el("input", { type: "range", min: LOW, max: HIGH, step: 0.01 });
  private readonly output = el("output");
  private readonly decoder: Latest<number[][]>;

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    this.decoder = new Latest((latents) => this.decode(latents));
    this.amount.addEventListener("input", () => this.go(Number(this.amount.value)));
    this.along.append(
      el("div", { class: "row top" },
        el("figure", {}, this.base, say(el("figcaption"), "baseImage")),
        el("div", { class: "stack grow" },
          say(button("", () => this.useNearest()), "useNearest"),
          say(button("ghost", () => this.useRandom()), "randomImage"))),
      el("label", { class: "field" },
        el("span", { class: "row between" }, say(el("span"), "amount"), this.output), this.amount),
      this.strip, this.length,
      stripSaver(explorer, "direction", STEPS, (count) => [this.latents(count)]).root);
    name(this.amount, "amount", false);
    this.root.append(say(el("p", { class: "muted" }), "directionHint"), this.choices, this.empty, this.along);
    store.on(["groupA", "groupB", "run", "base", "lasso", "hidden", "filters", "frame", "plane", "panel", "ofClass"], () => this.show());
    store.on(["amount"], () => this.showAmount());
    explorer.theme.onChange(() => this.show());
    inWords(() => this.show());
  }

  /** mean of B − mean of A, or null while a group is missing. */
  direction(): number[] | null {
    const { groupA, groupB } = this.explorer.store.state;
    const run = this.explorer.main();
    const [a, b] = [groupA, groupB].map((group) => this.explorer.members(run, group));
    if (a.length === 0 || b.length === 0) return null;
    const from = meanOfRows(run.mu, run.d, a);
    return meanOfRows(run.mu, run.d, b).map((v, j) => v - from[j]);
  }

  private show(): void {
    const { store } = this.explorer;
    const { state } = store;
    this.choices.replaceChildren(
      this.choice("groupA", state.groupA, (groupA) => store.set({ groupA })),
      this.choice("groupB", state.groupB, (groupB) => store.set({ groupB })),
    );
    const direction = this.direction();
    this.along.hidden = direction === null;
    this.empty.hidden = direction !== null;
    if (!direction || state.panel !== "direction") return;
    const run = this.explorer.main();
    this.length.textContent = t("length", { value: figure(Math.hypot(...direction), 2) });
    this.strip.setAttribute("aria-label", t("directionStrip"));
    this.base.setAttribute("aria-label", t("baseImage"));
    const base = this.baseOf(run);
    run.thumbnails.get(base).then(
      (picture) => paint(this.base, picture, this.explorer.look(run)),
      (error) => this.explorer.banner.show(asProblem(error, "missing")),
    );
    this.decoder.push(this.latents(STEPS));
    this.showAmount();
  }

  /** The image's mean with more and more of the direction; none while a group is missing. */
  private latents(count: number): number[][] {
    const direction = this.direction();
    if (!direction) return [];
    const run = this.explorer.main();
    const z = meanOf(run, this.baseOf(run));
    return Array.from({ length: count }, (_, k) => {
      const amount = LOW + ((HIGH - LOW) * k) / (count - 1);
      return z.map((v, j) => v + amount * direction[j]);
    });
  }

  private showAmount(): void {
    const { amount } = this.explorer.store.state;
    if (document.activeElement !== this.amount) this.amount.value = String(amount);
    this.output.textContent = figure(amount, 2);
    this.amount.setAttribute("aria-valuetext", figure(amount, 2));
  }

  private choice(key: "groupA" | "groupB", chosen: Group, choose: (group: Group) => void): HTMLElement {
    const run = this.explorer.main();
    const { lasso } = this.explorer.store.state;
    const select = el("select", { name: key });
    select.append(el("option", { value: "" }, t("choosing")));
    run.entry.classes.forEach(({ name }, k) => {
      const selected = chosen !== null && "class" in chosen && chosen.class === k;
      select.append(el("option", { value: `c${k}`, selected }, name));
    });
    const kept = chosen !== null && "lasso" in chosen ? chosen.lasso : lasso;
    if (kept.length > 2) {
      const count = whole(this.explorer.members(run, { lasso: kept }).length);
      const selected = chosen !== null && "lasso" in chosen;
      select.append(el("option", { value: "lasso", selected }, t("lassoGroup", { count })));
    }
    select.addEventListener("change", () => {
      const { value } = select;
      if (value === "lasso") choose({ lasso: kept });
      else choose(value ? { class: Number(value.slice(1)) } : null);
    });
    return el("label", { class: "field" }, el("span", {}, t(key)), select);
  }

  private baseOf(run: Run): number {
    const { base, groupA } = this.explorer.store.state;
    if (base !== null && base < run.count) return base;
    return this.explorer.members(run, groupA)[0] ?? 0;
  }

  private useNearest(): void {
    const run = this.explorer.main();
    this.explorer.store.set({ base: this.explorer.near(run).index });
    this.go(this.explorer.store.state.amount);
  }

  private useRandom(): void {
    const run = this.explorer.main();
    this.explorer.store.set({ base: Math.floor(Math.random() * run.count) });
    this.go(this.explorer.store.state.amount);
  }

  private go(amount: number): void {
    const run = this.explorer.main();
    const direction = this.direction();
    this.explorer.store.set({ amount });
    if (!direction) return;
    const z = meanOf(run, this.baseOf(run)).map((v, j) => v + amount * direction[j]);
    this.explorer.moveTo(run, z, { pinned: true });
  }

  private async decode(latents: number[][]): Promise<void> {
    const run = this.explorer.main();
    try {
      const images = await this.explorer.pool.decodeAll(run.entry, latents);
      const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
      paintSheet(this.strip, pictures, STEPS, this.explorer.look(run));
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "engine"));
    }
  }
}
