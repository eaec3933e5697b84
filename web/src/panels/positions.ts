/** A latent that is a map of positions: its values, those of one position to move, and what that changes. */
import { asProblem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import { Latest } from "../engine/latest";
import type { Explorer } from "../explorer";
import { paint, pictureOf } from "../picture/picture";
import { button, el, image } from "../ui/dom";
import { figure, inWords, name, say, t } from "../ui/language";
import { Chooser } from "./chooser";
import { heat, paintHeat } from "./heat";

export class PositionsPanel {
  readonly root = el("section", { class: "stack" });
  /** Decoded values of now less those before; null until both are there. Of colours the channel that changes most. */
  difference: Float32Array | null = null;
  /** The latent before the position was moved. */
  before: readonly number[] = [];
  chooser!: Chooser;
  private readonly maps = el("div", { class: "stack" });
  private readonly sliders = el("div", { class: "stack position-values" });
  private readonly scale = el("p", { class: "muted" });
  private readonly chosen = el("h3");
  private readonly changed = el("figcaption");
  private readonly pictures = { before: image("picture"), now: image("picture"), difference: image("picture") };
  private readonly inputs: HTMLInputElement[] = [];
  private readonly outputs: HTMLElement[] = [];
  private readonly decoder: Latest<readonly number[]>;
  private decoded: { z: readonly number[]; ofClass: number; image: Float32Array } | null = null;
  private moving = false;
  private last: readonly number[] = [];

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    this.decoder = new Latest((z) => this.decode(z));
    const { before, now, difference } = this.pictures;
    const shown = el("div", { class: "pictures three" },
      el("figure", {}, name(before, "positionBefore", false), say(el("figcaption"), "positionBefore")),
      el("figure", {}, name(now, "positionNow", false), say(el("figcaption"), "positionNow")),
      el("figure", {}, name(difference, "positionDifference", false), this.changed));
    const back = say(button("small", () => this.explorer.moveTo(this.explorer.main(), this.before)), "positionReset");
    this.root.append(
      say(el("h3"), "positions"), say(el("p", { class: "muted" }), "positionsHint"), this.maps, this.scale,
      el("div", { class: "row between" }, this.chosen, back), this.sliders, shown);
    store.on(["run"], () => this.build());
    store.on(["z", "panel", "ofClass"], () => this.follow());
    explorer.onDecoded((id) => id === this.explorer.main().id && this.showPictures());
    explorer.theme.onChange(() => this.follow());
    inWords(() => this.build());
  }

  private build(): void {
    const run = this.explorer.main();
    const { map } = run.entry.latent;
    this.root.hidden = map === null;
    if (!map) return;
    this.chooser = new Chooser(map as [number, number, number], () => this.choose(run));
    this.maps.replaceChildren(this.chooser.root);
    this.choose(run);
  }

  /** Another position: what is shown now is what it is compared with. */
  private choose(run: Run): void {
    const { row, column } = this.chooser;
    this.chosen.textContent = t("positionAt", { row: row + 1, column: column + 1 });
    this.before = this.explorer.z(run);
    const { low, high } = run.entry.points.mu;
    this.inputs.length = this.outputs.length = 0;
    this.sliders.replaceChildren(...this.chooser.elements.map((element, c) => {
      const label = t("channel", { i: c + 1 });
      const [from, to] = [low[element], high[element]];
      const input = el("input", { type: "range", min: from, max: to, step: (to - from) / 200 || 1, "aria-label": label });
      input.addEventListener("input", () => this.move(run, element, Number(input.value)));
      const output = el("output");
      this.inputs.push(input);
      this.outputs.push(output);
      return el("label", { class: "field" }, el("span", { class: "row between" }, label, output), input);
    }));
    this.follow();
  }

  private move(run: Run, element: number, value: number): void {
    const z = [...this.explorer.z(run)];
    z[element] = value;
    this.moving = true;
    this.explorer.moveTo(run, z, { pinned: true });
    this.moving = false;
  }

  private follow(): void {
    const { explorer } = this;
    const run = explorer.main();
    if (this.root.hidden || explorer.store.state.panel !== "dimensions" || run.entry.latent.map === null) return;
    const z = explorer.z(run);
    // Moved elsewhere, as on the map: another image, with nothing changed yet.
    if (!this.moving && z !== this.last) this.before = z;
    this.last = z;
    const { low, high } = run.entry.points.mu;
    const most = Math.max(...[...low, ...high].map(Math.abs));
    this.chooser.paint(z, most, explorer.theme.palette);
    this.scale.textContent = t("positionsScale", { most: figure(most, 2) });
    this.chooser.elements.forEach((element, c) => {
      if (document.activeElement !== this.inputs[c]) this.inputs[c].value = String(z[element]);
      this.inputs[c].setAttribute("aria-valuetext", (this.outputs[c].textContent = figure(z[element], 3)));
    });
    const { decoded, before } = this;
    if (decoded?.z !== before || decoded.ofClass !== explorer.store.state.ofClass) this.decoder.push(before);
    this.showPictures();
  }

  private async decode(z: readonly number[]): Promise<void> {
    const run = this.explorer.main();
    const { ofClass } = this.explorer.store.state;
    if (z.length !== run.d) return;
    try {
      const image = await this.explorer.pool.first.decode(run.entry, Float32Array.from(z), ofClass);
      this.decoded = { z, ofClass, image };
      this.showPictures();
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "engine"));
    }
  }

  private showPictures(): void {
    const { explorer, decoded } = this;
    const run = explorer.main();
    const now = explorer.decoded.get(run.id);
    const { ofClass } = explorer.store.state;
    this.difference = null;
    if (this.root.hidden || explorer.store.state.panel !== "dimensions" || decoded?.z !== this.before || now?.z !== explorer.z(run)) return;
    if (decoded.ofClass !== ofClass || now.ofClass !== ofClass) return;
    const look = explorer.look(run);
    paint(this.pictures.before, pictureOf(decoded.image, 0, run.entry.image), look);
    paint(this.pictures.now, now.picture, look);
    const { width, height, channels } = run.entry.image;
    const size = width * height;
    this.difference = Float32Array.from({ length: size }, (_, i) => {
      let most = 0;
      for (let c = 0; c < channels; c++) {
        const change = now.image[c * size + i] - decoded.image[c * size + i];
        if (Math.abs(change) > Math.abs(most)) most = change;
      }
      return most;
    });
    const most = this.difference.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    paintHeat(this.pictures.difference, heat(this.difference, width, most, explorer.theme.palette));
    this.changed.textContent = t("positionChanged", { most: figure(most, 3) });
  }
}
