/** The decoded image of a run, its z, and the nearest real image with its class. */
import type { Run } from "../bundle/run";
import { asProblem } from "../bundle/problem";
import type { Explorer } from "../explorer";
import { safeColour } from "../map/colours";
import { paint } from "../picture/picture";
import { button, el, image, press } from "../ui/dom";
import { figure, inWords, say, t } from "../ui/language";
import { labelOf } from "../bundle/run";
import { columnName, valueOf } from "./columns";

export class Readout {
  readonly root: HTMLElement;
  private readonly decoded = image("picture");
  private readonly nearest = image("picture");
  private readonly z = el("p", { class: "z" });
  private readonly caption = el("span");
  private readonly value = el("span", { class: "muted" });
  private readonly far = el("span", { class: "muted" });
  private readonly swatch = el("span", { class: "swatch", "aria-hidden": "true" });
  private readonly pin = button("chip pin", () =>
    this.explorer.store.set({ pinned: !this.explorer.store.state.pinned }),
  );

  constructor(
    private readonly explorer: Explorer,
    readonly run: Run,
  ) {
    const title = el("h2", { class: "readout-title" }, run.entry.title);
    const chip = el("p", { class: "class" }, this.swatch, this.caption);
    this.root = el(
      "section",
      { class: "readout", "data-run": run.id },
      el("div", { class: "readout-head" }, title, this.pin),
      el(
        "div",
        { class: "pictures" },
        el("figure", {}, this.decoded, say(el("figcaption"), "decoded")),
        el("figure", {}, this.nearest, say(el("figcaption"), "nearest")),
      ),
      el("div", { class: "facts" }, this.z, chip, this.far, this.value),
    );
    const { store } = explorer;
    store.on(["z", "pinned", "hidden", "filters", "colour"], () => this.show());
    explorer.onDecoded((id) => id === run.id && this.showDecoded());
    explorer.theme.onChange(() => this.show());
    inWords(() => this.show());
  }

  private show(): void {
    const { explorer, run } = this;
    const z = explorer.z(run);
    this.z.textContent = `z = ${vector(z)}`;
    const near = explorer.near(run);
    const name = explorer.className(run, near.index);
    const label = labelOf(run, near.index);
    this.swatch.hidden = label === null;
    if (label !== null) this.swatch.style.background = safeColour(run.entry.classes[label].colour);
    const words = { index: near.index, name: name ?? "" };
    const column = explorer.colouring(run);
    this.value.hidden = !column;
    if (column) this.value.textContent = `${columnName(column.name)}: ${valueOf(column, near.index)}`;
    this.caption.textContent = t(name === null ? "nearestIs" : "nearestClass", words);
    this.far.textContent = t("distance", { distance: figure(near.distance, 3) });
    this.nearest.setAttribute("aria-label", this.caption.textContent);
    const { pinned } = explorer.store.state;
    press(this.pin, pinned);
    this.pin.textContent = t(pinned ? "pinned" : "following");
    this.showNearest(near.index);
    this.showDecoded();
  }

  private showNearest(index: number): void {
    const { thumbnails } = this.run;
    const look = this.explorer.look(this.run);
    const now = thumbnails.now(index);
    if (now) return paint(this.nearest, now, look);
    thumbnails.get(index).then(
      (picture) => {
        if (this.explorer.near(this.run).index !== index) return;
        paint(this.nearest, picture, look);
        if (!picture) this.far.textContent = t("noPicture");
      },
      (error) => this.explorer.banner.show(asProblem(error, "missing")),
    );
  }

  private showDecoded(): void {
    const newest = this.explorer.decoded.get(this.run.id);
    const label = newest ? t("decodedAt", { z: vector(newest.z) }) : t("decoded");
    this.decoded.setAttribute("aria-label", label);
    if (newest) paint(this.decoded, newest.picture, this.explorer.look(this.run));
  }
}

/** (0.12, −1.40, …): the first dimensions of a latent. */
export function vector(z: readonly number[], most = 6): string {
  const shown = z.slice(0, most).map((v) => figure(v, 2));
  return `(${shown.join(", ")}${z.length > most ? ", …" : ""})`;
}
