/**
 * The points, by WebGL 2.
 *
 * Not regl-scatterplot: regl builds its draw calls with Function(...), which a Content-Security-Policy
 * without unsafe-eval refuses.
 */
import type { View } from "../state/state";
import type { Size } from "./camera";

const VERTEX = `#version 300 es
in vec2 place;
in float label;
in float caught;
uniform vec2 centre;
uniform vec2 factor;
uniform float size;
uniform float halo;
uniform bool selecting;
uniform bool front;
uniform sampler2D colours;
out vec4 colour;
out float radius;
out float rim;
void main() {
  int k = int(label);
  vec4 own = texelFetch(colours, ivec2(k % 256, k / 256), 0);
  bool bright = own.a > 0.99 && (!selecting || caught > 0.5);
  // First those in the background, then the others over them.
  if (own.a == 0.0 || bright != front) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 0.0;
    colour = vec4(0.0);
    radius = rim = 0.0;
    return;
  }
  gl_Position = vec4((place - centre) * factor, 0.0, 1.0);
  rim = bright ? halo : 0.0;
  gl_PointSize = size + 2.0 * rim + 1.0;
  radius = size / 2.0;
  colour = vec4(own.rgb, bright ? 1.0 : 0.16);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 colour;
in float radius;
in float rim;
uniform vec3 ground;
out vec4 pixel;
void main() {
  float far = length(gl_PointCoord - 0.5) * (2.0 * (radius + rim) + 1.0);
  float disc = colour.a * clamp(radius + 0.5 - far, 0.0, 1.0);
  float whole = max(disc, rim > 0.0 ? clamp(radius + rim + 0.5 - far, 0.0, 1.0) : 0.0);
  pixel = vec4(colour.rgb * disc + ground * (whole - disc), whole);
}`;

const UNIFORMS = ["centre", "factor", "size", "halo", "ground", "selecting", "front"];

/** Width of the table of colours: colour k is in column k % COLUMNS of row k / COLUMNS. */
export const COLUMNS = 256;

/** How the points look now. */
export interface CloudLook {
  /** Diameter in CSS pixels, and width of the ring around it. */
  size: number;
  halo: number;
  /** Colour of the rings, that of the map's ground. */
  ground: readonly [number, number, number];
  ratio: number;
}

export class Cloud {
  // Drawn apart and copied: a canvas of WebGL on the page is read back for every frame of the page
  // where there is no graphics card, also when only the pointer's marks have moved.
  private readonly sheet = document.createElement("canvas");
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly uniforms = new Map<string, WebGLUniformLocation | null>();
  private readonly buffers: Record<"place" | "label" | "caught", WebGLBuffer>;
  private count = 0;
  private selecting = false;
  private behind = false;

  /** Throws where the browser has no WebGL 2. */
  constructor() {
    const gl = this.sheet.getContext("webgl2", { alpha: true, antialias: false });
    if (!gl) throw new Error("no WebGL 2");
    this.gl = gl;
    this.program = link(gl, VERTEX, FRAGMENT);
    gl.useProgram(this.program);
    for (const name of UNIFORMS) this.uniforms.set(name, gl.getUniformLocation(this.program, name));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.buffers = {
      place: this.attribute("place", 2, gl.FLOAT),
      label: this.attribute("label", 1, gl.UNSIGNED_INT),
      caught: this.attribute("caught", 1, gl.UNSIGNED_BYTE),
    };
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  /** Places n × 2, and which colour each has. */
  setPoints(places: Float32Array, labels: Uint32Array): void {
    this.count = labels.length;
    this.fill("place", places);
    this.fill("label", labels);
    this.setCaught(null);
  }

  /** Marks points; the others step back. null: none is marked. */
  setCaught(indices: readonly number[] | null): void {
    const flags = new Uint8Array(this.count);
    for (const i of indices ?? []) flags[i] = 1;
    this.selecting = indices !== null;
    this.fill("caught", flags);
  }

  /** Whole rows of COLUMNS × RGBA: alpha 255 in front, 0 hidden, else in the background, where
   * points are if `behind`. */
  setColours(rgba: Uint8Array, behind: boolean): void {
    this.behind = behind;
    const { gl } = this;
    const rows = rgba.length / 4 / COLUMNS;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, COLUMNS, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  }

  draw(context: CanvasRenderingContext2D, view: View, size: Size, look: CloudLook): void {
    const { gl, sheet } = this;
    const { width, height } = context.canvas;
    if (sheet.width !== width) sheet.width = width;
    if (sheet.height !== height) sheet.height = height;
    const uniform = (name: string) => this.uniforms.get(name)!;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(uniform("centre"), view.x, view.y);
    gl.uniform2f(uniform("factor"), (2 * view.scale) / size.width, (2 * view.scale) / size.height);
    gl.uniform1f(uniform("size"), look.size * look.ratio);
    gl.uniform1f(uniform("halo"), look.halo * look.ratio);
    gl.uniform3f(uniform("ground"), ...(look.ground.map((v) => v / 255) as [number, number, number]));
    gl.uniform1i(uniform("selecting"), this.selecting ? 1 : 0);
    // Nothing in the background is the usual case: the points are drawn once.
    for (const front of this.selecting || this.behind ? [0, 1] : [1]) {
      gl.uniform1i(uniform("front"), front);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }
    context.clearRect(0, 0, width, height);
    context.drawImage(sheet, 0, 0);
  }

  private attribute(name: string, parts: number, type: number): WebGLBuffer {
    const { gl } = this;
    const buffer = gl.createBuffer();
    const where = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(where);
    gl.vertexAttribPointer(where, parts, type, false, 0, 0);
    return buffer;
  }

  private fill(name: keyof Cloud["buffers"], data: Float32Array | Uint32Array | Uint8Array): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data as Float32Array<ArrayBuffer>, gl.DYNAMIC_DRAW);
  }
}

/** A program of two shaders. Throws where they do not link. */
export function link(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    throw new Error(gl.getProgramInfoLog(program) ?? "the shaders do not link");
  }
  return program;
}

/**
 * Diameter of a point, CSS pixels, so that crowds stay readable: half of the area that the points
 * spread over would be covered, were none upon another; but from 2.5 to 7.
 */
export function diameter({ count, area }: { count: number; area: number }): number {
  const side = Math.sqrt((0.5 * area) / Math.max(1, count));
  return Math.min(7, Math.max(2.5, (2 * side) / Math.sqrt(Math.PI)));
}
