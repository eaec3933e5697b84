/** A path through several points: its images, a scrubber, play, and export. */
import { asProblem } from "../bundle/problem";
import type { Explorer } from "../explorer";
import { onPath } from "../math/interpolate";
import { encodeGif } from "../picture/export";
import { paint, paintSheet, pictureOf, type Picture } from "../picture/picture";
import { button, el, image, save } from "../ui/dom";
import { inWords, say, t, name } from "../ui/language";
import { reducedMotion } from "../ui/theme";
import { Latest } from "../engine/latest";
import { segmented } from "./look";
import { stripSaver } from "./save";
import { videoSaver } from "./record";

const FRAMES_A_PART = 12;
const SHOWN = 12;

export class PathPanel {
  readonly root = el("div", { class: "panel" });
  private frames: { key: string; pictures: Picture[] } = { key: "", pictures: [] };
  private playing = 0;
  private readonly strip = image("strip");
  private readonly current = image("picture");
  private readonly scrub = el("input", { type: "range", min: 0, max: 1, step: 0.001 });
  private readonly playButton = button("", () => this.toggle());
  private readonly decoder: Latest<number[][]>;

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    this.decoder = new Latest((path) => this.decode(path));
    const hint = say(el("p", { class: "muted" }), "pathEmpty");
    const count = el("p", { class: "muted" });
    inWords(() => (count.textContent = t("pathPoints", { count: store.state.path.length })));
    store.on(["path"], ({ path }) => (count.textContent = t("pathPoints", { count: path.length })));
    this.scrub.addEventListener("input", () => this.go(Number(this.scrub.value)));
    name(this.strip, "pathStrip", false);
    name(this.current, "pathImage", false);
    const gif = say(button("", () => void this.saveGif()), "saveGif");
    const video = videoSaver(explorer, async () => {
      await this.decode(this.latents());
      return [...this.pictures];
    });
    const strip = stripSaver(explorer, "path", SHOWN, (count) => [this.latents(count)]);
    store.on(["path", "interpolation", "run"], () => strip.describe());
    const along = el(
      "div",
      { class: "stack" },
      el("div", { class: "row" }, this.current, el("div", { class: "grow stack" },
        name(this.scrub, "place"), el("div", { class: "row" }, this.playButton, gif, video.button), video.note)),
      this.strip,
      strip.root,
    );
    this.root.append(
      hint,
      el("div", { class: "row" },
        say(button("", () => this.add([...explorer.z(explorer.main())])), "addPoint"),
        say(button("ghost", () => store.set({ path: store.state.path.slice(0, -1) })), "removePoint"),
        say(button("ghost", () => store.set({ path: [], t: 0 })), "clearPath")),
      el("div", { class: "row between" }, count,
        segmented("path", { linear: "linear", spherical: "spherical" } as const,
          store.state.interpolation, (interpolation) => store.set({ interpolation }),
          (show) => store.on(["interpolation"], (s) => show(s.interpolation)))),
      along,
    );
    store.show(["path", "interpolation", "run", "panel", "ofClass"], ({ path, panel }) => {
      hint.hidden = path.length > 1;
      along.hidden = path.length < 2;
      if (path.length < 2) this.pause();
      else if (panel === "path") this.decoder.push(this.latents());
    });
    store.show(["t"], (state) => {
      this.scrub.value = String(state.t);
      this.showCurrent();
    });
    explorer.theme.onChange(() => this.show());
    inWords(() => this.playButton.replaceChildren(t(this.playing ? "pause" : "play")));
  }

  add(z: number[]): void {
    this.explorer.store.set({ path: [...this.explorer.store.state.path, z], panel: "path" });
  }

  /** The decoded frames, once they are all there. */
  get pictures(): readonly Picture[] {
    return this.frames.pictures;
  }

  private latents(count = FRAMES_A_PART * (this.explorer.store.state.path.length - 1) + 1): number[][] {
    const { path, interpolation } = this.explorer.store.state;
    if (path.length < 2) return [];
    return Array.from({ length: count }, (_, i) => onPath(path, i / (count - 1), interpolation));
  }

  private async decode(latents: number[][]): Promise<void> {
    const run = this.explorer.main();
    const key = JSON.stringify([run.id, this.explorer.store.state.ofClass, latents]);
    if (key === this.frames.key || latents.some((z) => z.length !== run.d)) return;
    try {
      const images = await this.explorer.pool.decodeAll(run.entry, latents);
      const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
      this.frames = { key, pictures };
      this.show();
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "engine"));
    }
  }

  private show(): void {
    const { pictures } = this.frames;
    if (pictures.length === 0) return;
    const shown = Array.from({ length: SHOWN }, (_, i) =>
      pictures[Math.round((i * (pictures.length - 1)) / (SHOWN - 1))],
    );
    paintSheet(this.strip, shown, SHOWN, this.explorer.look(this.explorer.main()));
    this.showCurrent();
  }

  private showCurrent(): void {
    const { pictures } = this.frames;
    const at = Math.round(this.explorer.store.state.t * (pictures.length - 1));
    if (pictures[at]) paint(this.current, pictures[at], this.explorer.look(this.explorer.main()));
  }

  private go(at: number): void {
    const { path, interpolation } = this.explorer.store.state;
    this.explorer.store.set({ t: at });
    if (path.length > 1) {
      this.explorer.moveTo(this.explorer.main(), onPath(path, at, interpolation), { pinned: true });
    }
  }

  private toggle(): void {
    if (this.playing) return this.pause();
    const seconds = 1.2 * (this.explorer.store.state.path.length - 1);
    let last = performance.now();
    let at = this.explorer.store.state.t >= 1 ? 0 : this.explorer.store.state.t;
    let shown = -Infinity;
    const step = (now: number) => {
      at = Math.min(1, at + (now - last) / 1000 / seconds);
      last = now;
      // Who asked for less motion sees single images, a second each.
      if (!reducedMotion() || now - shown > 1000 || at === 1) {
        this.go(at);
        shown = now;
      }
      if (at < 1) this.playing = requestAnimationFrame(step);
      else this.pause();
    };
    this.playing = requestAnimationFrame(step);
    this.playButton.textContent = t("pause");
  }

  private pause(): void {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.playButton.textContent = t("play");
  }

  private async saveGif(): Promise<void> {
    await this.decode(this.latents());
    const look = this.explorer.look(this.explorer.main());
    save("path.gif", "image/gif", encodeGif([...this.pictures], look, 60));
  }
}
