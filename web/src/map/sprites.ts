/** Images in the places of points, by WebGL 2: those that have room, each in a frame of its colour. */
import { asProblem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import type { View } from "../state/state";
import { Atlas, LAYER } from "./atlas";
import type { Size } from "./camera";
import { link } from "./cloud";
import type { Paint } from "./colours";
import { type Chosen, Levels, leastWidth } from "./levels";

const VERTEX = `#version 300 es
in vec2 place;
in float image;
in vec3 frame;
uniform vec2 centre;
uniform vec2 factor;
uniform float size;
uniform float across;
out vec3 colour;
flat out vec3 cell;
void main() {
  gl_Position = vec4((place - centre) * factor, 0.0, 1.0);
  gl_PointSize = size;
  colour = frame;
  float within = mod(image, across * across);
  cell = vec3(mod(within, across), floor(within / across), floor(image / (across * across)));
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DArray;
in vec3 colour;
flat in vec3 cell;
uniform float size;
uniform float rim;
uniform vec2 inner;
uniform float side;
uniform float layer;
uniform bool invert;
uniform sampler2DArray atlas;
out vec4 pixel;
void main() {
  // From the middle, in pixels; the longer side of the image fills the sprite.
  vec2 p = (gl_PointCoord - 0.5) * size;
  vec2 half_ = (0.5 * size - rim) * inner / max(inner.x, inner.y);
  if (abs(p.x) > half_.x + rim || abs(p.y) > half_.y + rim) discard;
  if (abs(p.x) > half_.x || abs(p.y) > half_.y) {
    pixel = vec4(colour, 1.0);
    return;
  }
  vec2 at = clamp((p / half_ * 0.5 + 0.5) * inner, vec2(0.5), inner - 0.5);
  vec3 seen = texture(atlas, vec3((cell.xy * side + at) / layer, cell.z)).rgb;
  pixel = vec4(invert ? 1.0 - seen : seen, 1.0);
}`;

const UNIFORMS = ["centre", "factor", "size", "rim", "inner", "side", "layer", "across", "invert"];
const RIM = 2; // px of the frame

export class Sprites {
  /** What was drawn last: of which points, how wide, and how many of all images are in memory. */
  readonly drawn = { indices: new Uint32Array(), size: 0, ready: 0 };
  private readonly sheet = document.createElement("canvas");
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly uniforms = new Map<string, WebGLUniformLocation | null>();
  private readonly atlas: Atlas;
  private levels: Levels | null = null;
  private filled: Chosen | null = null;
  private ready = -1;

  /** Throws where the browser has no WebGL 2. `more` is called as images come. */
  constructor(
    private readonly explorer: Explorer,
    private readonly run: Run,
    more: () => void,
  ) {
    const gl = this.sheet.getContext("webgl2", { alpha: true, antialias: false });
    if (!gl) throw new Error("no WebGL 2");
    this.gl = gl;
    this.program = link(gl, VERTEX, FRAGMENT);
    gl.useProgram(this.program);
    for (const name of UNIFORMS) this.uniforms.set(name, gl.getUniformLocation(this.program, name));
    this.atlas = new Atlas(gl, run);
    this.atlas.fill(more).catch((error) => explorer.banner.show(asProblem(error, "missing")));
  }

  /** Points, colours or filters have changed. */
  refresh(): void {
    this.levels = null;
  }

  draw(
    context: CanvasRenderingContext2D,
    view: View,
    size: Size,
    paint: Paint,
    ratio: number,
    dark: boolean,
  ): void {
    const { gl, sheet, explorer, run, atlas } = this;
    this.levels ??= this.begin();
    const { chosen, size: side } = this.levels.at(view.scale);
    if (chosen !== this.filled || this.ready !== atlas.ready) this.fill(chosen, paint);
    const { width, height } = context.canvas;
    if (sheet.width !== width) sheet.width = width;
    if (sheet.height !== height) sheet.height = height;
    const uniform = (name: string) => this.uniforms.get(name)!;
    const look = explorer.look(run);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(uniform("centre"), view.x, view.y);
    gl.uniform2f(uniform("factor"), (2 * view.scale) / size.width, (2 * view.scale) / size.height);
    gl.uniform1f(uniform("size"), side * ratio);
    gl.uniform1f(uniform("rim"), RIM * ratio);
    gl.uniform2f(uniform("inner"), ...atlas.inner);
    gl.uniform1f(uniform("side"), atlas.cell);
    gl.uniform1f(uniform("layer"), LAYER);
    gl.uniform1f(uniform("across"), LAYER / atlas.cell);
    gl.uniform1i(uniform("invert"), run.entry.image.channels < 3 && look.ink && !dark ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, this.drawn.indices.length);
    context.drawImage(sheet, 0, 0);
    this.drawn.size = side;
    this.drawn.ready = atlas.ready;
  }

  private begin(): Levels {
    this.filled = null;
    const least = leastWidth(Math.max(...this.atlas.inner));
    return new Levels(this.explorer.places(this.run), this.explorer.among(this.run), least);
  }

  private fill(chosen: Chosen, paint: Paint): void {
    const { atlas, explorer, run } = this;
    const places = explorer.places(run);
    const shown = chosen.indices.filter((i) => i < atlas.ready);
    const place = new Float32Array(2 * shown.length);
    const frame = new Uint8Array(4 * shown.length);
    for (let k = 0; k < shown.length; k++) {
      const i = shown[k];
      for (let c = 0; c < 2; c++) place[2 * k + c] = places[2 * i + c];
      for (let c = 0; c < 3; c++) frame[4 * k + c] = paint.table[4 * paint.of[i] + c];
    }
    this.attribute("place", place, 2, this.gl.FLOAT, false, 0);
    this.attribute("image", Float32Array.from(shown), 1, this.gl.FLOAT, false, 0);
    this.attribute("frame", frame, 3, this.gl.UNSIGNED_BYTE, true, 4);
    this.drawn.indices = shown;
    this.filled = chosen;
    this.ready = atlas.ready;
  }

  private readonly buffers = new Map<string, WebGLBuffer>();

  private attribute(
    name: string,
    data: Float32Array | Uint8Array,
    parts: number,
    type: number,
    normalised: boolean,
    stride: number,
  ): void {
    const { gl } = this;
    let buffer = this.buffers.get(name);
    if (!buffer) this.buffers.set(name, (buffer = gl.createBuffer()));
    const where = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data as Float32Array<ArrayBuffer>, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(where);
    gl.vertexAttribPointer(where, parts, type, normalised, stride, 0);
  }
}
