// The explorer's page in a notebook: an iframe of the single-file page, and a port to it.
//
// web/src/host.ts is the other side. The frame has an origin of its own (sandbox), so that the page
// has nothing of the notebook; and what it is told goes through a port that it alone has.

const HELLO = "reparam-explorer";
const SYNCED = ["z", "selection"];

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.allow = "clipboard-write";
  frame.title = "reparam explorer";
  Object.assign(frame.style, { width: "100%", height: `${model.get("height")}px`, border: "0" });
  frame.srcdoc = new TextDecoder().decode(model.get("_page"));

  let port = null;
  let dark = null; // as the page knows it
  // A notebook changes other things, too: these leave the page as its user set it.
  const sayTheme = () => {
    if (!port || dark === isDark()) return;
    dark = isDark();
    port.postMessage({ theme: dark ? "dark" : "light" });
  };
  const stopWatching = watchTheme(sayTheme);
  const fromPage = ({ data }) => {
    for (const name of SYNCED) if (Array.isArray(data?.[name])) model.set(name, data[name]);
    model.save_changes();
  };
  frame.addEventListener("load", () => {
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = fromPage;
    frame.contentWindow.postMessage(HELLO, "*", [channel.port2]); // "*": a sandbox has no name
    dark = null;
    sayTheme();
    for (const name of SYNCED) if (model.get(name).length) tell(name);
  });
  const tell = (name) => port?.postMessage({ [name]: model.get(name) });
  const tellers = SYNCED.map((name) => [`change:${name}`, () => tell(name)]);
  for (const [event, teller] of tellers) model.on(event, teller);
  el.append(frame);
  return () => {
    stopWatching();
    for (const [event, teller] of tellers) model.off(event, teller);
    port?.close();
  };
}

/** Whether the notebook is dark: JupyterLab and VS Code say so, and else its ground does. */
function isDark() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false";
  if (classList.contains("vscode-dark") || classList.contains("vscode-high-contrast")) return true;
  const ground = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g)?.map(Number);
  if (ground?.length >= 3 && ground[3] !== 0) return ground[0] + ground[1] + ground[2] < 384;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Calls after whatever `isDark` reads may have changed; gives what ends it. */
function watchTheme(call) {
  const observer = new MutationObserver(call);
  // Themes are attributes of these two: data-jp-theme-light, class, Colab's theme.
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", call);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", call);
  };
}

export default { render };
