/** What is a picture in a figure, too: the decoded background, and thumbnails in place of points. */
import type { Explorer } from "../explorer";
import { paintOf } from "../map/colours";
import type { Pane } from "../map/pane";
import { layer, type Plot, PRINT } from "./plot";

const FADED = 0.45; // as the stylesheet has it

export function inBackground(explorer: Explorer, pane: Pane, { view, size }: Plot): SVGElement[] {
  const { background } = explorer.store.state;
  if (background === "off") return [];
  const { ink, dark } = explorer.look(pane.run);
  const image = layer("background", size, (context) => {
    pane.manifold.paint(context, view, size, background);
    if (!ink || !dark) return;
    // By night the tiles are light ink on nothing.
    context.globalCompositeOperation = "source-in";
    context.fillStyle = "#000000";
    context.fillRect(0, 0, size.width, size.height);
  });
  image.setAttribute("opacity", String(FADED));
  return [image];
}

export function thumbnails(explorer: Explorer, pane: Pane, { view, size }: Plot): SVGElement[] {
  const { sprites } = pane.dots;
  if (explorer.store.state.points !== "pictures" || !sprites) return [];
  const image = layer("thumbnails", size, (context, ratio) => {
    context.setTransform(1, 0, 0, 1, 0, 0);
    sprites.draw(context, view, size, paintOf(explorer, pane.run, PRINT), ratio, false);
  });
  pane.redraw("points");
  return [image];
}
