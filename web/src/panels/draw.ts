/** Draw a digit or drop an image: where the encoder puts it, what comes back, and its neighbours. */
import { asProblem } from "../bundle/problem";
import { Latest } from "../engine/latest";
import type { Explorer } from "../explorer";
import { nearestFew } from "../math/points";
import { asInput, inverted, onPaper, readImageFile } from "../picture/file";
import { asDigit } from "../picture/mnist";
import { Pad } from "../picture/pad";
import { paint, pictureOf, type Picture } from "../picture/picture";
import { button, el, image } from "../ui/dom";
import { inWords, name, say, t } from "../ui/language";
import { announce } from "../ui/live";
import { vector } from "./readout";

const NEIGHBOURS = 6;

export class DrawPanel {
  readonly root = el("div", { class: "panel drop" });
  /** What was encoded last, and to what. */
  encoded: { picture: Picture; mu: number[]; logVar: number[] | null } | null = null;
  private trail: number[][] = [];
  private dropped: Picture | null = null;
  private readonly pad: Pad;
  private readonly seen = image("picture");
  private readonly again = image("picture");
  private readonly where = el("p", { class: "z" });
  private readonly note = el("p", { class: "muted", role: "status" });
  private readonly neighbours = el("div", { class: "gallery" });
  private readonly result = el("div", { class: "stack" });
  private readonly invert = el("input", { type: "checkbox" });
  private readonly encoder = new Latest<Picture>((picture) => this.encode(picture));

  constructor(
    private readonly explorer: Explorer,
    private readonly onTrail: (latents: number[][]) => void,
  ) {
    const { theme } = explorer;
    const said = (down: boolean) => announce(t(down ? "penDown" : "penUp"));
    this.pad = new Pad(() => this.drawn(), () => theme.palette.ink, said);
    inWords(() => {
      this.pad.canvas.setAttribute("aria-label", `${t("drawHere")}. ${t("drawKeys")}`);
      this.pad.canvas.title = t("drawKeys");
    });
    name(this.seen, "asSeen", false);
    name(this.again, "reconstruction", false);
    const sheet = el("div", { class: "stack" }, this.pad.root);
    const hint = say(el("p", { class: "muted" }), "drawHint");
    const file = el("input", { type: "file", accept: "image/*", class: "visually-hidden" });
    file.addEventListener("change", () => {
      void this.open(file.files?.[0]);
      file.value = ""; // else the same file again would be no change
    });
    const choose = el("label", { class: "button" }, say(el("span"), "choose"), file);
    const swap = el("label", { class: "check" }, this.invert, say(el("span"), "invert"));
    this.invert.addEventListener("change", () => this.reencode());
    swap.hidden = true;
    this.invert.dataset["for"] = "file";
    this.result.append(this.where, say(el("h3"), "neighbours"), this.neighbours);
    this.result.hidden = true;
    const seen = el("div", { class: "stack" },
      el("figure", {}, this.seen, say(el("figcaption"), "asSeen")),
      el("figure", {}, this.again, say(el("figcaption"), "reconstruction")));
    this.root.append(
      el("div", { class: "drawing" }, sheet, seen),
      this.result,
      el("div", { class: "row" }, say(button("", () => this.clear()), "clear"), choose, swap),
      hint, say(el("p", { class: "muted" }), "dropHint"), this.note);
    const suits = () => {
      const { channels, width, height } = explorer.main().entry.image;
      sheet.hidden = hint.hidden = channels !== 1 || width !== height;
      this.clear();
    };
    explorer.store.show(["run"], suits);
    explorer.store.on(["ofClass"], () => this.encoded && this.encoder.push(this.encoded.picture));
    explorer.store.on(["hidden", "filters"], () => this.show());
    theme.onChange(() => {
      this.pad.recolour();
      this.show();
    });
    inWords(() => this.show());
    this.listenDrop(swap);
  }

  private listenDrop(swap: HTMLElement): void {
    const shown = () => (swap.hidden = this.dropped === null);
    new MutationObserver(shown).observe(this.note, { childList: true });
    this.root.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.root.classList.add("over");
    });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      void this.open(event.dataTransfer?.files[0]);
    });
  }

  private clear(): void {
    this.trail = [];
    this.encoded = null;
    this.dropped = null;
    this.note.textContent = "";
    this.result.hidden = true;
    for (const canvas of [this.seen, this.again]) paint(canvas, null, this.explorer.look(this.explorer.main()));
    this.pad.clear();
    this.onTrail([]);
  }

  private drawn(): void {
    const { width, height } = this.explorer.main().entry.image;
    const digit = asDigit(this.pad.ink(), width);
    if (!digit) return;
    this.dropped = null;
    this.encoder.push({ width, height, channels: 1, pixels: digit });
  }

  private async open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      this.dropped = await readImageFile(file, this.explorer.main().entry.image);
      this.invert.checked = this.explorer.look(this.explorer.main()).ink && onPaper(this.dropped);
      this.trail = [];
      this.note.textContent = file.name;
      this.reencode();
    } catch {
      this.note.textContent = t("notAnImage", { file: file.name });
    }
  }

  private reencode(): void {
    if (!this.dropped) return;
    this.encoder.push(this.invert.checked ? inverted(this.dropped) : this.dropped);
  }

  private async encode(picture: Picture): Promise<void> {
    const { explorer } = this;
    const run = explorer.main();
    try {
      const input = asInput(picture, run.entry.image);
      const [{ mu, logVar }] = await explorer.pool.first.encode(run.entry, input);
      const image = await explorer.pool.first.decode(run.entry, Float32Array.from(mu));
      this.encoded = { picture, mu, logVar };
      this.trail = [...this.trail.slice(-200), mu];
      this.onTrail(this.trail);
      explorer.moveTo(run, mu, { pinned: true });
      paint(this.again, pictureOf(image, 0, run.entry.image), explorer.look(run));
      this.show();
    } catch (error) {
      explorer.banner.show(asProblem(error, "engine"));
    }
  }

  private show(): void {
    if (!this.encoded) return;
    const { explorer } = this;
    const run = explorer.main();
    const look = explorer.look(run);
    const { picture, mu } = this.encoded;
    this.result.hidden = false;
    paint(this.seen, picture, look);
    this.where.textContent = t("encodedTo", { z: vector(mu) });
    const near = nearestFew(run.mu, mu, NEIGHBOURS, explorer.among(run));
    this.neighbours.replaceChildren(
      ...near.map(({ index }) => {
        const text = explorer.className(run, index) ?? t("noClass");
        const canvas = el("canvas", { "aria-hidden": "true", width: 1, height: 1 });
        const one = button("thumb", () => explorer.moveToImage(run, index));
        one.setAttribute("aria-label", t("goTo", { index, name: text }));
        one.append(canvas, el("span", { class: "thumb-name" }, text));
        run.thumbnails.get(index).then((found) => paint(canvas, found, look), () => undefined);
        return one;
      }),
    );
  }
}
