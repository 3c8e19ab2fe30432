"""Colored points that turn on the page: packed here, drawn there by WebGL, with nothing else to load.

Gradio's viewer of models does not show in a part of the page that was hidden at first, and loads 6 MB to draw points.
"""

from __future__ import annotations

import base64

import numpy as np

from vision.serve.page.toolkit import gr

MAX_POINTS = 300_000
_FEW = 0.02  # of the points, at each end of each axis
_WIDER = 1.5  # than high is what the page has room for
_REACH = 3.0  # of what is kept, in units of the cloud's own size


def cloud_viewer(name: str) -> gr.HTML:
    """The part of the page that shows a cloud; its value is what `packed` gives."""
    return gr.HTML("", html_template=_HTML, js_on_load=_SCRIPT, elem_id=name, elem_classes="cloud")


def packed(points: np.ndarray, colors: np.ndarray, limit: int = MAX_POINTS) -> str:
    """Points for the page, in base64: 12 bytes each, x, y, z as uint16 and 0, then red, green, blue and 255.

    Args:
        points: `[N, 3]` as a camera sees them: x right, y down, z forward.
        colors: uint8 `[N, 3]`.
        limit: of more points so many are chosen evenly by chance.

    Returns:
        Text; empty without points. A coordinate of 0 stands for -3 and 65535 for 3, where nearly all points lie
        within 1.5 of their middle across and within 1 up and down; y is up and z toward the viewer.
    """
    if not len(points):
        return ""
    # By chance, so that the first of them show the whole as well: while it turns, the page draws fewer.
    chosen = np.random.default_rng(0).permutation(len(points))[:limit]
    points, colors = points[chosen], colors[chosen]
    # What turns stays in sight where it turns around its middle; single points far off have no say in that.
    low, high = np.quantile(points, (_FEW, 1 - _FEW), axis=0)
    middle = (low + high) / 2
    # By what is seen across: depth may reach much farther, and what is far off is left out.
    size = float(((high - low)[:2] / [_WIDER, 1]).max()) / 2 or 1.0
    place = (points - middle) / size * [1, -1, -1]
    near = np.abs(place).max(1) <= _REACH
    place, colors = place[near], colors[near]
    data = np.zeros(len(place), [("place", "<u2", 4), ("color", "u1", 4)])
    data["place"][:, :3] = np.rint((place + _REACH) / (2 * _REACH) * 65535)
    data["color"][:, :3], data["color"][:, 3] = colors, 255
    return base64.b64encode(data.tobytes()).decode()


_HTML = (
    '<canvas tabindex="0" role="img" aria-label="Points: drag or arrow keys turn, wheel, + and - zoom"></canvas>'
    '<p class="key">Drag or arrow keys turn; wheel, + and − zoom.</p>'
)
_SCRIPT = """
const VERTEX = `attribute vec3 place; attribute vec3 color; uniform vec2 turn, shift; uniform float away, aspect, size;
varying vec3 shade;
void main() {
  vec3 p = place * 6.0 - 3.0;
  float a = cos(turn.x), b = sin(turn.x), c = cos(turn.y), d = sin(turn.y);
  p = vec3(a * p.x + b * p.z, p.y, a * p.z - b * p.x);
  p = vec3(p.x, c * p.y - d * p.z, c * p.z + d * p.y);
  float z = away - p.z;
  gl_Position = vec4(1.8 * min(1.0, aspect) * vec2(p.x / aspect, p.y) + shift * z, z * 1.002 - 0.04, z);
  gl_PointSize = clamp(size / z, 1.0, 12.0);
  shade = color;
}`;
const FRAGMENT = `precision mediump float; varying vec3 shade; void main() { gl_FragColor = vec4(shade, 1.0); }`;
const FILLED = 0.92;  // of the canvas, by nearly all points at first
const view = {x: 0.2, y: 0.05, away: 3.2, shift: [0, 0]};
let gl = null, canvas = null, program = null, count = 0, loaded = null, waits = false;
// Of all points, those drawn while it turns: fewer where a picture takes long, as without a graphics card.
let share = 1, turns = false, rest = 0, last = 0;

function begin(found) {
  canvas = found;
  gl = canvas.getContext("webgl", {antialias: false});
  if (!gl) { element.querySelector("p").textContent = "This browser draws no points: it has no WebGL."; return; }
  program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text); gl.compileShader(shader); gl.attachShader(program, shader);
  }
  gl.linkProgram(program); gl.useProgram(program); gl.enable(gl.DEPTH_TEST);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  [["place", gl.UNSIGNED_SHORT, 0], ["color", gl.UNSIGNED_BYTE, 8]].forEach(([name, kind, offset]) => {
    const at = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(at); gl.vertexAttribPointer(at, 3, kind, true, 12, offset);
  });
  loaded = null;
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) turn(event.movementX * 0.008, event.movementY * 0.008);
  });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.001)); },
    {passive: false});
  canvas.addEventListener("keydown", (event) => {
    const turns = {ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1]}[event.key];
    const factor = {"+": 0.9, "=": 0.9, "-": 1.1}[event.key];
    if (turns) turn(...turns);
    if (factor) zoom(factor);
    if (turns || factor) event.preventDefault();
  });
  new ResizeObserver(later).observe(canvas);
}
function turn(x, y) { view.x += x; view.y = Math.max(-1.5, Math.min(1.5, view.y + y)); move(); }
function zoom(factor) { view.away = Math.max(0.3, Math.min(9, view.away * factor)); move(); }
function move() {
  if (!turns) last = 0;
  turns = true;
  clearTimeout(rest);
  rest = setTimeout(() => { turns = false; later(); }, 300);
  later();
}
function pace() {
  const now = performance.now(), took = last ? now - last : 0;
  last = now;
  if (took > 50) share = Math.max(0.02, share * Math.max(0.3, 40 / took));
  else if (took && took < 25) share = Math.min(1, share * 1.1);
}
// How far away, and how much aside, the cloud fills the canvas: what is near looks larger, so its middle is not enough.
function fit(data) {
  const words = new Uint16Array(data.buffer), step = Math.max(1, Math.floor(count / 4000)), points = [];
  const [a, b, c, d] = [Math.cos(view.x), Math.sin(view.x), Math.cos(view.y), Math.sin(view.y)];
  for (let i = 0; i < count; i += step) {
    const [x, y, z] = [0, 1, 2].map((axis) => words[6 * i + axis] / 65535 * 6 - 3);
    const [right, near] = [a * x + b * z, a * z - b * x];
    points.push([right, c * y - d * near, c * near + d * y]);
  }
  const aspect = canvas.clientWidth / canvas.clientHeight, scale = 1.8 * Math.min(1, aspect);
  let [low, high] = [0.3, 9];
  for (let i = 0; i < 20; i++) {
    view.away = (low + high) / 2;
    const reach = [0, 1].map((axis) => {
      const at = points.map((p) => scale * p[axis] / (axis ? 1 : aspect) / Math.max(0.05, view.away - p[2]));
      at.sort((one, other) => one - other);
      const first = at[Math.floor(0.01 * (at.length - 1))], last = at[Math.ceil(0.99 * (at.length - 1))];
      view.shift[axis] = -(first + last) / 2;
      return (last - first) / 2;
    });
    if (Math.max(...reach) > FILLED) low = view.away; else high = view.away;
  }
}
function later() { if (!waits) { waits = true; requestAnimationFrame(draw); } }
function draw() {
  waits = false;
  const found = element.querySelector("canvas");
  if (!found) return;
  if (found !== canvas) begin(found);
  if (!gl || !canvas.clientWidth) return;
  const text = props.value || "";
  if (text !== loaded) {
    const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    count = data.length / 12; loaded = text;
    if (count) fit(data);
  }
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(canvas.clientWidth * ratio); canvas.height = Math.round(canvas.clientHeight * ratio);
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.clearColor(0.086, 0.094, 0.114, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  const at = (name) => gl.getUniformLocation(program, name);
  gl.uniform2f(at("turn"), view.x, view.y); gl.uniform2f(at("shift"), ...view.shift);
  gl.uniform1f(at("away"), view.away);
  gl.uniform1f(at("aspect"), canvas.width / canvas.height);
  if (turns) pace();
  const drawn = turns ? Math.ceil(count * share) : count;
  gl.uniform1f(at("size"), 3.6 * canvas.height / Math.sqrt(Math.max(drawn, 1)));
  if (drawn) gl.drawArrays(gl.POINTS, 0, drawn);
  canvas.dataset.points = count; canvas.dataset.drawn = drawn;
}
watch("value", later);
later();
"""
