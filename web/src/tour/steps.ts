/** What the tour points at, in its order. */
import type { Word } from "../ui/language";

export interface TourStep {
  title: Word;
  text: Word;
  /** Where its place may be; the first that is on the screen is taken. A page without any has no such step. */
  places: readonly string[];
}

export const STEPS: readonly TourStep[] = [
  { title: "tourMap", text: "tourMapSays", places: [".map-box"] },
  { title: "tourPicture", text: "tourPictureSays", places: [".readouts", ".side"] },
  { title: "tourTabs", text: "tourTabsSays", places: [".tabs"] },
  { title: "tourPair", text: "tourPairSays", places: [".compare"] },
  { title: "tourEnd", text: "tourEndSays", places: [".settings"] },
];

/** The step's place on the page, or null. */
export function placeOf(step: TourStep, page: HTMLElement): HTMLElement | null {
  const found = step.places.map((selector) => page.querySelector<HTMLElement>(selector));
  return found.find((place) => place && place.getClientRects().length > 0) ?? null;
}
