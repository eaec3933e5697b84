/** A line around points while it is drawn: by a pointer in one stroke, by keys corner by corner. */

type Place = [number, number];

const LEAST = 3; // corners of an area

export class Lasso {
  private corners: Place[] = [];
  private byKeys = false;

  /** `caught` gets the corners once the line is closed. */
  constructor(private readonly caught: (polygon: Place[]) => void) {}

  /** The line so far, of keys to the place `at` where they are; null: none is being drawn. */
  line(at: Place): Place[] | null {
    if (this.corners.length === 0) return null;
    return this.byKeys ? [...this.corners, at] : this.corners;
  }

  /** Corners that keys have set. */
  get keyed(): number {
    return this.byKeys ? this.corners.length : 0;
  }

  /** A part of a pointer's stroke; its end catches what lies inside. */
  stroke(place: Place, part: "start" | "move" | "end"): void {
    if (part === "start") this.drop();
    this.corners.push(place);
    if (part === "end") this.finish();
  }

  corner(place: Place): void {
    this.byKeys = true;
    this.corners.push(place);
  }

  back(): void {
    this.corners.pop();
  }

  /** Closes the line of keys; false where it has too few corners. */
  close(): boolean {
    if (this.keyed < LEAST) return false;
    this.finish();
    return true;
  }

  drop(): void {
    this.corners = [];
    this.byKeys = false;
  }

  private finish(): void {
    const polygon = this.corners;
    this.drop();
    this.caught(polygon);
  }
}
