/** What went wrong, at the top of the page, in words; never a blank page. */
import type { Problem, ProblemKind } from "../bundle/problem";
import { button, el } from "./dom";
import { inWords, name, t, type Word } from "./language";

const WORD: Record<ProblemKind, Word> = {
  newer: "problemNewer",
  malformed: "problemMalformed",
  missing: "problemMissing",
  short: "problemShort",
  long: "problemLong",
  hash: "problemHash",
  golden: "problemGolden",
  engine: "problemEngine",
  webgl: "problemWebgl",
};

export class Banner {
  readonly root = el("div", { class: "banners" });
  private readonly said = new Set<string>();

  /** Says it once. */
  show(problem: Problem): void {
    const key = `${problem.kind} ${problem.detail["file"] ?? problem.detail["title"] ?? ""}`;
    if (this.said.has(key)) return;
    this.said.add(key);
    const text = el("p");
    const box = el("div", { class: "banner", role: "alert", "data-kind": problem.kind }, text);
    inWords(() => (text.textContent = t(WORD[problem.kind], problem.detail)));
    box.append(name(button("banner-close", () => box.remove()), "dismiss"));
    this.root.append(box);
  }
}
