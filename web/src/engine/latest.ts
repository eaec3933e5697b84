/** Of many requests only the newest matters: what waits while one runs is replaced, not queued. */
export class Latest<T> {
  private running = false;
  private next: T | undefined;

  constructor(private readonly work: (value: T) => Promise<void>) {}

  push(value: T): void {
    this.next = value;
    if (!this.running) void this.drain();
  }

  private async drain(): Promise<void> {
    this.running = true;
    try {
      while (this.next !== undefined) {
        const value = this.next;
        this.next = undefined;
        await this.work(value);
      }
    } finally {
      this.running = false;
    }
  }
}
