/** One state, changed in one place; who depends on a part of it is told when that part changes. */
import type { State } from "./state";

type Listener = (state: State) => void;

export class Store {
  private readonly listeners: { keys: (keyof State)[]; listener: Listener }[] = [];

  constructor(private current: State) {}

  get state(): Readonly<State> {
    return this.current;
  }

  set(change: Partial<State>): void {
    const before = this.current;
    this.current = { ...before, ...change };
    for (const { keys, listener } of [...this.listeners]) {
      if (keys.some((key) => before[key] !== this.current[key])) listener(this.current);
    }
  }

  /** Calls the listener after each change of one of these. */
  on(keys: (keyof State)[], listener: Listener): void {
    this.listeners.push({ keys, listener });
  }

  /** The same, and once now. */
  show(keys: (keyof State)[], listener: Listener): void {
    this.on(keys, listener);
    listener(this.current);
  }
}
