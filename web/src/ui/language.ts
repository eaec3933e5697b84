/** The page's own words, in the reader's language, changed without a reload. */
import type { PriorEntry } from "../bundle/manifest.types";
import type { Language } from "../state/state";
import { en, type Words } from "./words.en";
import { ko } from "./words.ko";

const WORDS: Record<Language, Words> = { en, ko };
let language: Language = "en";
const shown: (() => void)[] = [];
/** What elements say, for as long as there are such elements. */
const said = new WeakMap<HTMLElement, (() => void)[]>();
let speakers: WeakRef<HTMLElement>[] = [];
let sweep = 1000;

export type Word = keyof Words;

/** The text for a key, with {name} replaced, and {name|one|more} by the word for so many. */
export function t(key: Word, values: Record<string, string | number> = {}): string {
  return WORDS[language][key].replace(/\{(\w+)(?:\|(\w+)\|(\w+))?\}/g, (_, name: string, one?: string, more?: string) => {
    const value = String(values[name] ?? "");
    return (value === "1" ? one : more) ?? value;
  });
}

/** What a prior is, in a few words. */
export function priorWords(prior: PriorEntry): string {
  return language === "ko" ? prior.description_ko : prior.description;
}

/** Runs now and after each change of the language. */
export function inWords(show: () => void): void {
  shown.push(show);
  show();
}

/** The same for an element that may be thrown away: it is forgotten with it. */
export function inWordsOf(element: HTMLElement, show: () => void): void {
  const own = said.get(element);
  if (own) own.push(show);
  else {
    said.set(element, [show]);
    speakers.push(new WeakRef(element));
    if (speakers.length > sweep) {
      speakers = speakers.filter((speaker) => speaker.deref());
      sweep = 2 * speakers.length + 1000;
    }
  }
  show();
}

/** An element whose text is a key's. */
export function say<T extends HTMLElement>(element: T, key: Word): T {
  inWordsOf(element, () => (element.textContent = t(key)));
  return element;
}

/** An element whose label and tooltip are a key's. */
export function name<T extends HTMLElement>(element: T, key: Word, tooltip = true): T {
  inWordsOf(element, () => {
    element.setAttribute("aria-label", t(key));
    if (tooltip) element.title = t(key);
  });
  return element;
}

export function setLanguage(next: Language): void {
  language = next;
  document.documentElement.lang = next;
  for (const show of shown) show();
  for (const speaker of speakers) {
    const element = speaker.deref();
    if (element) for (const show of said.get(element) ?? []) show();
  }
}

/** Where the images are from, for reading; a source that is no name or file has angle brackets. */
export function sourceName({ source }: { source: string }): string {
  return source.split(", ").map((one) => (one === "<arrays>" ? t("arrays") : one)).join(", ");
}

/** A number for reading. */
export function figure(value: number, digits = 2): string {
  return value.toFixed(digits).replace("-", "\u2212");
}

export function whole(value: number): string {
  return value.toLocaleString(language === "ko" ? "ko-KR" : "en-US");
}
