/** From the bundle to the page. */
import "./style/base.css";
import "./style/charts.css";
import "./style/layout.css";
import "./style/panels.css";
import "./style/parts.css";
import "./style/mechanism.css";
import "./style/tour.css";
import { App } from "./app";
import { latentSize, readManifest } from "./bundle/manifest";
import { asProblem } from "./bundle/problem";
import { openSource } from "./bundle/source";
import { expose } from "./debug";
import { Pool } from "./engine/pool";
import { Explorer } from "./explorer";
import { goldenImages } from "./golden";
import { joinHost } from "./host";
import { ADDRESSED, readAddress, writeAddress } from "./state/address";
import { INITIAL, type State } from "./state/state";
import { Store } from "./state/store";
import { startsByItself } from "./tour/visit";
import { Banner } from "./ui/banner";
import { el } from "./ui/dom";
import { say, setLanguage } from "./ui/language";
import { ThemeKeeper } from "./ui/theme";

const root = document.getElementById("app")!;
const banner = new Banner();
const loading = el("p", { class: "loading", role: "status" });

const start: State = {
  ...INITIAL,
  language: navigator.language.startsWith("ko") ? "ko" : INITIAL.language,
};

async function open(): Promise<void> {
  const toured = startsByItself(location.hash);
  const store = new Store({ ...start, ...readAddress(location.hash) });
  setLanguage(store.state.language);
  store.on(["language"], ({ language }) => setLanguage(language));
  const theme = new ThemeKeeper(store);
  root.append(banner.root, say(loading, "loading"));
  const source = openSource(document);
  // The runtime is the largest part: it starts while the points are read.
  const pool = new Pool(source, () => store.state.ofClass);
  const manifest = readManifest(await source.bytes("data/manifest.json"));
  const explorer = new Explorer(manifest, source, store, theme, banner, pool);

  const known = (id: string) => manifest.runs.some((run) => run.id === id);
  const wanted = store.state;
  const first = known(wanted.run) ? wanted.run : manifest.runs[0].id;
  const second = known(wanted.pair) && wanted.pair !== first ? wanted.pair : "";
  // The address is not trusted: what does not fit these runs is let go before anything is drawn.
  store.set({ ...fitting(wanted, latentSize(explorer.entry(first)!)), run: first, pair: "" });
  pool.first.load(explorer.entry(first)!, "decoder").catch(() => undefined); // said when it is used
  const run = await explorer.load(first);
  // Read before the first picture: they tell whether grey means ink on paper.
  await goldenImages(explorer, run).catch((error) => banner.show(asProblem(error, "missing")));

  const { colour, filters } = store.state;
  if (colour !== "" || Object.keys(filters).length > 0) await explorer.readColumns(run);

  const app = new App(explorer);
  loading.remove();
  root.append(app.root);
  const ready = new Promise<number>((resolve) => {
    // A quick engine may have been done while the page was put together.
    if (explorer.decoded.size > 0) resolve(performance.now());
    explorer.onDecoded(() => resolve(performance.now()));
  });
  expose(explorer, app, ready);
  joinHost(explorer, app);
  keepAddress(store);
  explorer.decodeShown();
  if (second) await app.restorePair(second);
  await ready;
  if (toured) app.tour.start(false);
  void explorer.readColumns(run);
  await app.check(run);
}

/** The state without points of another number of dimensions. */
function fitting(state: Store["state"], d: number) {
  return {
    path: state.path.filter((z) => z.length === d),
    lasso: state.lasso.filter((place) => place.length === 2),
    plane: state.plane?.every((axis) => axis < d) ? state.plane : INITIAL.plane,
  };
}

function keepAddress(store: Store): void {
  if (location.protocol === "about:") return; // a notebook's frame has no address of its own
  let waiting = 0;
  store.on(ADDRESSED, () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      history.replaceState(null, "", `#${writeAddress(store.state, start)}`);
    }, 250);
  });
  addEventListener("hashchange", () => location.reload());
}

open().catch((error: unknown) => {
  loading.remove();
  banner.show(asProblem(error, "malformed"));
});
