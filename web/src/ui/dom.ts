/** Elements from code. Text is only ever set as text: nothing from data becomes HTML. */

type Attributes = Record<string, string | number | boolean>;
type Child = Node | string;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
  ...children: SVGElement[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export function button(className: string, onClick: () => void): HTMLButtonElement {
  const element = el("button", { type: "button", class: className });
  element.addEventListener("click", onClick);
  return element;
}

/** A switch that looks like a chip: pressed or not. */
export function press(element: HTMLElement, pressed: boolean): void {
  element.setAttribute("aria-pressed", String(pressed));
}

/**
 * Makes a box's buttons one stop of the tab key: arrows, Home and End go among them, by rows where they stand
 * in rows (WAI-ARIA Authoring Practices: roving tabindex). Buttons may come and go.
 */
export function oneTabStop(box: HTMLElement): void {
  const buttons = () => Array.from(box.querySelectorAll<HTMLButtonElement>(":scope > button"));
  const stopAt = (one: HTMLElement | undefined) =>
    buttons().forEach((button) => (button.tabIndex = button === one ? 0 : -1));
  new MutationObserver(() => {
    const all = buttons();
    if (all.filter(({ tabIndex }) => tabIndex === 0).length !== 1) stopAt(all[0]);
  }).observe(box, { childList: true });
  box.addEventListener("focusin", ({ target }) => stopAt(target as HTMLElement));
  box.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(event.target as HTMLButtonElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const columns = all.filter(({ offsetTop }) => offsetTop === all[0].offsetTop).length;
    const to = {
      ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns,
      Home: 0, End: all.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[to]?.focus();
  });
}

/** A canvas that is a picture to the reader of a screen. */
export function image(className: string): HTMLCanvasElement {
  return el("canvas", { class: className, role: "img", width: 1, height: 1 });
}

/** Hands a file to the reader. */
export function save(name: string, type: string, data: BlobPart): void {
  const url = URL.createObjectURL(new Blob([data], { type }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Puts text on the clipboard; false where the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have no clipboard over plain http, other than on this machine.
    const area = el("textarea", { class: "visually-hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
