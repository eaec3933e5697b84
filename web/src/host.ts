/**
 * What a notebook's widget around this page and the page tell each other: reparam/explorer/widget.js
 * is the other side.
 *
 * The widget sends a port, once the page is loaded; all else goes through it, so that nobody else can
 * take part. A port is taken from the window around this page alone.
 */
import type { App } from "./app";
import type { Explorer } from "./explorer";

const HELLO = "reparam-explorer";
const EVERY = 100; // ms: z follows the pointer, and Python need not know every step

/** Of the widget: what Python set. Of the page: what its user did. */
interface Message {
  /** The latent that is decoded. */
  z?: number[];
  /** Numbers of the points that are selected. */
  selection?: number[];
  /** As the notebook is: once the page is loaded, and after each change. */
  theme?: "light" | "dark";
}

const ports: MessagePort[] = [];
let onPort = (port: MessagePort): void => void ports.push(port);

if (window.parent !== window) {
  addEventListener("message", ({ source, data, ports: [port] }) => {
    if (source === window.parent && data === HELLO && port) onPort(port);
  });
}

/** From now on the page's z and selection are those of the widget. */
export function joinHost(explorer: Explorer, app: App): void {
  onPort = (port) => join(explorer, app, port);
  ports.splice(0).forEach(onPort);
}

function join(explorer: Explorer, app: App, port: MessagePort): void {
  const { store } = explorer;
  const known = { z: "", selection: "" };
  const say = (name: keyof typeof known, value: readonly number[]) => {
    const text = value.join();
    if (text === known[name]) return; // what the widget said itself
    known[name] = text;
    port.postMessage({ [name]: [...value] });
  };
  let waiting = 0;
  const sayZ = () => {
    waiting ||= window.setTimeout(() => {
      waiting = 0;
      say("z", explorer.z(explorer.main()));
    }, EVERY);
  };

  port.addEventListener("message", ({ data }) => {
    const { z, selection, theme } = checked(data);
    const run = explorer.main();
    if (theme) store.set({ theme });
    // What the page said itself comes back.
    if (selection && selection.join() !== known.selection) {
      known.selection = selection.join();
      store.set({ picked: selection, lasso: [], ...(selection.length ? { panel: "gallery" } : {}) });
    }
    if (z?.length === run.d && z.join() !== known.z) {
      known.z = z.join();
      explorer.moveTo(run, z, { pinned: true });
    }
  });
  port.start(); // what was said before is here at once
  app.gallery.onCatch(() => say("selection", app.gallery.caught));
  store.on(["z", "run"], sayZ);
  sayZ();
}

/** What of a message is as it must be. */
function checked(data: unknown): Message {
  const { z, selection, theme } = (data ?? {}) as Record<string, unknown>;
  const numbers = (value: unknown, is: (x: unknown) => boolean) =>
    Array.isArray(value) && value.every(is) ? (value as number[]) : undefined;
  const latent = numbers(z, Number.isFinite);
  const chosen = numbers(selection, (x) => Number.isInteger(x) && (x as number) >= 0);
  return {
    ...(latent && { z: latent }),
    ...(chosen && { selection: chosen }),
    ...((theme === "light" || theme === "dark") && { theme }),
  };
}
