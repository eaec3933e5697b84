/** Mouse, pen and fingers on a map, as what they mean. Positions are CSS pixels from its corner. */

export interface Gestures {
  /** Whether a drag draws (lasso) instead of moving the map. */
  draws(): boolean;
  /** The pointer is here; `held` where it is a finger that leads the point. */
  point(x: number, y: number, held: boolean): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  tap(x: number, y: number): void;
  doubleTap(): void;
  stroke(x: number, y: number, part: "start" | "move" | "end"): void;
}

interface Finger {
  x: number;
  y: number;
  fromX: number;
  fromY: number;
  moved: boolean;
  draws: boolean;
  touch: boolean;
}

const STILL = 6; // px that a tap may wander
const RAW_EVERY = 8; // ms: a mouse may report a thousand times a second
const DOUBLE = 350; // ms between the taps of a double tap

export function listenGestures(element: HTMLElement, meant: Gestures): void {
  const fingers = new Map<number, Finger>();
  let lastTap = { time: -Infinity, x: 0, y: 0 };
  let pinched = false;

  const place = (event: MouseEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const [x, y] = place(event);
    element.setPointerCapture(event.pointerId);
    const touch = event.pointerType === "touch";
    const draws = meant.draws() && event.button === 0 && fingers.size === 0;
    fingers.set(event.pointerId, { x, y, fromX: x, fromY: y, moved: false, draws, touch });
    pinched = fingers.size > 1;
    if (draws) meant.stroke(x, y, "start");
  });

  // Moves come with the frames; raw ones at once, so that the image is decoded when the frame is due.
  let lastRaw = -Infinity;
  element.addEventListener("pointerrawupdate", (event) => {
    const { pointerType, pointerId, timeStamp } = event as PointerEvent;
    if (fingers.has(pointerId) || pointerType === "touch" || timeStamp - lastRaw < RAW_EVERY) return;
    lastRaw = timeStamp;
    meant.point(...place(event as PointerEvent), false);
  });

  element.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const finger = fingers.get(event.pointerId);
    if (!finger) {
      if (event.pointerType !== "touch") meant.point(x, y, false);
      return;
    }
    const [dx, dy] = [x - finger.x, y - finger.y];
    if (!finger.moved && Math.hypot(x - finger.fromX, y - finger.fromY) < STILL) return;
    if (fingers.size === 2) pinch(event.pointerId, x, y);
    else if (finger.draws) meant.stroke(x, y, "move");
    else if (finger.touch && !pinched) meant.point(x, y, true);
    else if (!finger.touch) meant.pan(dx, dy);
    Object.assign(finger, { x, y, moved: true });
  });

  function pinch(id: number, x: number, y: number): void {
    const finger = fingers.get(id)!;
    const other = [...fingers].find(([key]) => key !== id)![1];
    const before = Math.hypot(finger.x - other.x, finger.y - other.y);
    const after = Math.hypot(x - other.x, y - other.y);
    meant.pan((x - finger.x) / 2, (y - finger.y) / 2);
    if (before > 1) meant.zoom(after / before, (x + other.x) / 2, (y + other.y) / 2);
  }

  const lift = (event: PointerEvent, cancelled: boolean) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    fingers.delete(event.pointerId);
    const [x, y] = place(event);
    if (finger.draws) {
      meant.stroke(x, y, "end");
    } else if (!finger.moved && !cancelled && !pinched && event.button === 0) {
      const near = Math.hypot(x - lastTap.x, y - lastTap.y) < 24;
      if (near && event.timeStamp - lastTap.time < DOUBLE) {
        lastTap.time = -Infinity;
        meant.doubleTap();
      } else {
        lastTap = { time: event.timeStamp, x, y };
        meant.tap(x, y);
      }
    }
    if (fingers.size === 0) pinched = false;
  };
  element.addEventListener("pointerup", (event) => lift(event, false));
  element.addEventListener("pointercancel", (event) => lift(event, true));

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const [x, y] = place(event);
      // A trackpad's pinch comes as a wheel with Ctrl and small steps.
      const speed = event.ctrlKey ? 0.01 : 0.0016;
      meant.zoom(Math.exp(-event.deltaY * lines * speed), x, y);
    },
    { passive: false },
  );
}

export interface Keys {
  step(dx: number, dy: number): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number): void;
  /** Enter: what the tool does at the point; Space: the end of a line, or the same. */
  set(): void;
  finish(): void;
  back(): void;
  home(): void;
  release(): void;
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The same by keyboard, in pixels: arrows step, Shift with arrows pans. */
export function listenKeys(element: HTMLElement, meant: Keys): void {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.target !== element) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) meant.pan(-40 * arrow[0], -40 * arrow[1]);
    else if (arrow) meant.step((event.altKey ? 1 : 8) * arrow[0], (event.altKey ? 1 : 8) * arrow[1]);
    else if (event.key === "+" || event.key === "=") meant.zoom(1.25);
    else if (event.key === "-") meant.zoom(0.8);
    else if (event.key === "Enter") meant.set();
    else if (event.key === " ") meant.finish();
    else if (event.key === "Backspace" || event.key === "Delete") meant.back();
    else if (event.key === "Home" || event.key === "0") meant.home();
    else if (event.key === "Escape") meant.release();
    else return;
    event.preventDefault();
  });
}
