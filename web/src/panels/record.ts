/** The button that saves pictures as a video, or why there is none. */
import type { Explorer } from "../explorer";
import { thereAndBack } from "../picture/export";
import type { Picture } from "../picture/picture";
import { encodeVideo, videoType } from "../picture/video";
import { button as clickable, el, save } from "../ui/dom";
import { inWords, t } from "../ui/language";

const DELAY = 60; // ms a picture, as in the GIF

export function videoSaver(
  explorer: Explorer,
  pictures: () => Promise<Picture[]>,
): { button: HTMLButtonElement; note: HTMLElement } {
  const type = videoType();
  const note = el("p", { class: "muted", role: "status" });
  let percent: number | null = null;
  const button = clickable("", () => void record());
  const show = () => {
    button.disabled = type === null || percent !== null;
    button.textContent = percent === null ? t("saveVideo") : t("savingVideo", { percent });
  };
  const record = async () => {
    if (type === null || percent !== null) return;
    note.textContent = "";
    percent = 0;
    show();
    try {
      const look = explorer.look(explorer.main());
      const shown = await pictures();
      if (shown.length > 0) { // else the banner says why
        const made = await encodeVideo(thereAndBack(shown), look, DELAY, type, (share) => {
          percent = Math.round(100 * share);
          show();
        });
        save(`path.${made.type === "video/mp4" ? "mp4" : "webm"}`, made.type, made);
      }
    } catch (error) {
      note.textContent = t("videoFailed", { message: String(error) });
    }
    percent = null;
    show();
  };
  inWords(() => {
    if (type === null) note.textContent = t("noVideo");
    show();
  });
  return { button, note };
}
