/** Pictures as a video, by the browser's own recorder. */
import { enlarged } from "./export";
import type { Look, Picture } from "./picture";
import { toRgba } from "./picture";

const SIDE = 336; // pixels: about how wide the video is
const BITS = 8e6; // a second: small pictures with hard edges

/** What players and slides know best comes first: H.264 in MP4. */
const TYPES = [
  "video/mp4;codecs=avc1.640028",
  "video/mp4;codecs=avc1.42E01E",
  "video/mp4",
  "video/webm;codecs=vp9",
  "video/webm",
];

/** The best type that this browser records; null for none. */
export function videoType(): string | null {
  if (!("MediaRecorder" in window) || !("captureStream" in HTMLCanvasElement.prototype)) return null;
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/** How many times larger, so that both sides are even, as H.264 wants them. */
export function timesOf({ width, height }: Picture): number {
  const times = Math.max(1, Math.round(SIDE / width));
  return (width * times) % 2 || (height * times) % 2 ? times + 1 : times;
}

/**
 * Records the pictures in real time, `delay` milliseconds each; `progress` is told the share that is done.
 * It rests while the page is hidden, whose timers are late. Throws what the recorder throws.
 */
export async function encodeVideo(
  pictures: Picture[],
  look: Look,
  delay: number,
  type: string,
  progress: (share: number) => void,
): Promise<Blob> {
  const times = timesOf(pictures[0]);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [pictures[0].width * times, pictures[0].height * times];
  const context = canvas.getContext("2d")!;
  // A frame is taken where one is asked for, and nowhere else.
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks() as CanvasCaptureMediaStreamTrack[];
  // Firefox has it on the stream.
  const frames = "requestFrame" in track ? track : (stream as unknown as CanvasCaptureMediaStreamTrack);
  const recorder = new MediaRecorder(new MediaStream([track]), { mimeType: type, videoBitsPerSecond: BITS });
  const parts: Blob[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => resolve());
    recorder.addEventListener("error", (event) => reject((event as ErrorEvent).error ?? new Error(type)));
  });
  recorder.start();
  let began = performance.now();
  let left = began;
  const rest = () => {
    if (recorder.state === "inactive") return;
    if (document.hidden) {
      left = performance.now();
      recorder.pause();
    } else {
      began += performance.now() - left;
      recorder.resume();
    }
  };
  document.addEventListener("visibilitychange", rest);
  try {
    for (const [i, picture] of pictures.entries()) {
      while (document.hidden) await event(document, "visibilitychange");
      context.putImageData(enlarged(toRgba(picture, look), times), 0, 0);
      frames.requestFrame();
      progress(i / pictures.length);
      // By the clock, so that late timers do not add up.
      await Promise.race([ended, wait(Math.max(delay / 2, began + (i + 1) * delay - performance.now()))]);
    }
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
  } finally {
    document.removeEventListener("visibilitychange", rest);
    track.stop();
  }
  return new Blob(parts, { type: type.split(";")[0] });
}

function event(target: EventTarget, name: string): Promise<unknown> {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
