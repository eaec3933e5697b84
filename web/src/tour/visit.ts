/** Whether the tour starts by itself: at each visit, and never again once it was dismissed. */

const KEY = "reparam-tour";
const DONE = "dismissed";

/**
 * True until it was dismissed in this browser, of a page that nobody sent as a link (an address
 * with a fragment holds a state) and that is no frame of another page, such as a notebook. Where the
 * browser keeps nothing, false: a tour that was dismissed would come back.
 */
export function startsByItself(fragment: string): boolean {
  if (fragment.length > 1 || window.parent !== window) return false;
  try {
    return window.localStorage.getItem(KEY) !== DONE && canKeep(window.localStorage);
  } catch {
    return false; // no storage at all, or one that may not be used
  }
}

/** Keeps that the tour was dismissed, where the browser can. */
export function rememberVisit(): void {
  try {
    window.localStorage.setItem(KEY, DONE);
  } catch {
    // As above: then it did not start by itself.
  }
}

/** A full storage, or one of a private window, can be read and not written. */
function canKeep(storage: Storage): boolean {
  storage.setItem(KEY, "shown");
  return storage.getItem(KEY) === "shown";
}
