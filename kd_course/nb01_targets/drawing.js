const SIDE = 28, SCALE = 12, LEAST = 60, HIGHEST = Math.log2(data.classes.length);
const SHAPES = { // rectangles: x, y, width, height
  "nothing": [],
  "a shirt": [[9, 4, 10, 21], [4, 4, 5, 9], [19, 4, 5, 9]],
  "trousers": [[9, 2, 10, 6], [9, 8, 4, 18], [15, 8, 4, 18]],
  "a shoe": [[2, 16, 24, 5], [2, 11, 9, 5]],
};

// The networks: convolution 3×3, ReLU, pooling 2×2, linear. x: channels × side × side, in one row.
const bytes = (text) => Int8Array.from(atob(text), (c) => c.charCodeAt(0));
const networks = data.networks.map((network) => ({ ...network, layers: network.layers.map((layer) => {
  if (!layer.weights) return layer;
  const levels = bytes(layer.weights), each = levels.length / layer.scale.length;
  return { ...layer, weights: Float32Array.from(levels, (w, i) => w * layer.scale[Math.floor(i / each)]) };
}) }));

function conv(x, side, layer) {
  const outs = layer.bias.length, ins = x.length / side ** 2, wide = side + 2, y = new Float32Array(outs * side * side);
  const padded = new Float32Array(ins * wide * wide);
  for (let c = 0; c < ins; c++) for (let r = 0; r < side; r++) {
    padded.set(x.subarray((c * side + r) * side, (c * side + r + 1) * side), (c * wide + r + 1) * wide + 1);
  }
  for (let o = 0; o < outs; o++) {
    const to = o * side * side;
    y.fill(layer.bias[o], to, to + side * side);
    for (let c = 0; c < ins; c++) for (let tap = 0; tap < 9; tap++) {
      const w = layer.weights[(o * ins + c) * 9 + tap];
      const from = (c * wide + Math.floor(tap / 3)) * wide + tap % 3;
      for (let r = 0; r < side; r++) {
        const read = from + r * wide, write = to + r * side;
        for (let k = 0; k < side; k++) y[write + k] += w * padded[read + k];
      }
    }
  }
  return y;
}

function pool(x, side) {
  const half = side / 2, y = new Float32Array(x.length / 4);
  for (let i = 0; i < y.length; i++) {
    const from = Math.floor(i / half) * 2 * side + (i % half) * 2;
    y[i] = Math.max(x[from], x[from + 1], x[from + side], x[from + side + 1]);
  }
  return y;
}

function linear(x, layer) {
  return Float32Array.from(layer.bias, (bias, o) =>
    x.reduce((sum, value, i) => sum + value * layer.weights[o * x.length + i], bias));
}

function logits(network, image) { // 28 × 28 numbers from 0 to 255
  let x = Float32Array.from(image, (value) => value / 255), side = SIDE;
  for (const layer of network.layers) {
    if (layer.kind === "conv") x = conv(x, side, layer);
    if (layer.kind === "relu") x = x.map((value) => Math.max(value, 0));
    if (layer.kind === "pool") { x = pool(x, side); side /= 2; }
    if (layer.kind === "linear") x = linear(x, layer);
  }
  return x;
}

function soften(z, t) {
  const top = Math.max(...z), powers = Array.from(z, (value) => Math.exp((value - top) / t));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
const bits = (p) => p.reduce((sum, value) => sum - (value > 0 ? value * Math.log2(value) : 0), 0);
box.logits = (image) => networks.map((network) => Array.from(logits(network, image)));

const style = document.createElement("style");
style.textContent = `
.kd-drawing { max-width: 960px; position: relative; }
.kd-drawing .stage { display: flex; flex-wrap: wrap; gap: 12px 24px; margin-top: 10px; }
.kd-drawing canvas.paper { width: 100%; max-width: 336px; aspect-ratio: 1; touch-action: none; cursor: crosshair; display: block; }
.kd-drawing .easel { flex: 0 1 336px; }
.kd-drawing .easel input[type=range] { width: 130px; }
.kd-drawing .starts button { padding: 2px; line-height: 0; }
.kd-drawing .starts canvas { width: 34px; height: 34px; }
.kd-drawing .minds { flex: 1 1 330px; min-width: 0; }
.kd-drawing table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: 14px; margin: 6px 0; }
.kd-alive .kd-drawing tr th, .kd-alive .kd-drawing tr td { text-align: left; padding: 1px 4px; font-weight: 400; border: 0; background: #fff; color: #222; vertical-align: bottom; overflow-wrap: anywhere; }
.kd-alive .kd-drawing thead th { font-size: 12px; } .kd-drawing thead b { font-size: 14px; display: block; }
.kd-drawing td i { display: inline-block; height: 12px; vertical-align: middle; margin-right: 4px; }
.kd-alive .kd-drawing tr td.top { font-weight: 700; }
.kd-drawing .game { border: 1px solid #ccc; border-radius: 6px; padding: 8px 12px; margin-top: 10px; }
.kd-drawing .game > * { vertical-align: middle; }
.kd-drawing .game .meter { height: 14px; background: #e4e4e4; position: relative; margin: 6px 0; }
.kd-drawing .game .meter * { position: absolute; top: 0; bottom: 0; }
.kd-drawing .told { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
.kd-drawing .game canvas { width: 56px; height: 56px; }
`;
const frame = document.createElement("div");
frame.className = "kd-drawing";
frame.innerHTML = `
<div class="row">
  <div role="group" aria-label="begin with"><b>begin with</b><span class="starts"></span></div>
</div>
<div class="stage">
  <div class="easel">
    <canvas class="paper" width="${SIDE * SCALE}" height="${SIDE * SCALE}" tabindex="0" role="application"
      aria-label="Paper, 28 by 28 pixels. Arrow keys move the cursor, the space bar draws, Shift and an arrow draws a line."></canvas>
    <div class="row" style="margin-top: 8px">
      <div role="group" aria-label="tool"><b>tool</b><button type="button" class="pen">pen</button><button
        type="button" class="eraser">eraser</button></div>
      <button type="button" class="undo">undo</button>
    </div>
    <div class="row" style="margin-top: 8px">
      <label><b>grey of the pen: <span class="grey">200</span></b><input type="range" class="greys" min="20" max="255" step="5" value="200"></label>
      <label><b>width: <span class="wide">2</span></b><input type="range" class="widths" min="1" max="6" step="1" value="2"></label>
    </div>
  </div>
  <div class="minds">
    <label><b>temperature <i>T</i>: <span class="t">1.0</span></b>
      <input type="range" class="heat" min="-1" max="3" step="0.01" value="0" aria-label="temperature T"></label>
    <table><thead><tr><th style="width: 26%"></th>${networks.map((n) => `<th><b>${n.name}</b>${n.facts}</th>`).join("")}</tr></thead>
      <tbody>${data.classes.map((name) => `<tr><th scope="row">${name}</th>${networks.map(() => "<td><i></i><span></span></td>").join("")}</tr>`).join("")}
      <tr><th scope="row">entropy, bits</th>${networks.map(() => "<td class='bits'></td>").join("")}</tr></tbody></table>
    <div class="game"><b>Make the teacher unsure.</b> Draw until its answer at <i>T</i> = 1 has as much entropy as
      you can reach: ${HIGHEST.toFixed(2)} bits would be ten equal probabilities. Drawings of at least ${LEAST} pixels count.
      <div class="meter"><i class="now" style="left: 0; background: #0072B2"></i><i class="best" style="width: 3px; background: #D55E00"></i></div>
      <span class="score"></span> <canvas width="28" height="28" hidden></canvas>
      <button type="button" class="again" hidden>show my best</button>
    </div>
  </div>
</div>
<p class="told" aria-live="polite"></p>`;
box.replaceChildren(style, frame);
const find = (what) => frame.querySelector(what);
const paper = find(".paper"), pen = paper.getContext("2d"), heat = find(".heat");
const cells = networks.map((_, n) => [...frame.querySelectorAll("tbody tr")].map((row) => row.cells[n + 1]));

let image = new Float32Array(SIDE * SIDE), undone = [], erasing = false, drawn = false;
let cursor = null, best = null, due = false, answers = [];

function paint(canvas, from) {
  const context = canvas.getContext("2d"), picture = context.createImageData(SIDE, SIDE);
  from.forEach((value, i) => picture.data.set([value, value, value, 255], 4 * i));
  context.putImageData(picture, 0, 0);
}
const small = document.createElement("canvas");
small.width = small.height = SIDE;

function draw() {
  paint(small, image);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, SIDE * SCALE, SIDE * SCALE);
  if (!cursor) return;
  pen.strokeStyle = "#E69F00"; pen.lineWidth = 3;
  pen.strokeRect(cursor[0] * SCALE, cursor[1] * SCALE, SCALE, SCALE);
}

function tell() {
  const t = Math.exp(+heat.value);
  find(".t").textContent = t.toFixed(t < 10 ? 1 : 0);
  heat.setAttribute("aria-valuetext", "T = " + find(".t").textContent);
  const said = networks.map((network, n) => {
    const p = soften(answers[n], t), top = p.indexOf(Math.max(...p));
    p.forEach((value, k) => {
      const cell = cells[n][k];
      cell.className = k === top ? "top" : "";
      cell.firstChild.style.cssText = "width:" + (62 * value).toFixed(1) + "%;background:" + network.colour;
      cell.lastChild.textContent = value.toFixed(2);
    });
    cells[n][p.length].textContent = bits(p).toFixed(2);
    return network.name + ": " + data.classes[top] + " " + p[top].toFixed(2);
  });
  return said.join("; ") + ".";
}

function score() {
  const now = bits(soften(answers[0], 1)), inked = image.filter((value) => value > 40).length >= LEAST;
  if (drawn && inked && (!best || now > best.bits)) {
    best = { bits: now, image: image.slice() };
    paint(find(".game canvas"), image);
    find(".game canvas").hidden = find(".again").hidden = false;
  }
  find(".now").style.width = 100 * now / HIGHEST + "%";
  find(".best").style.left = best ? 100 * best.bits / HIGHEST + "%" : "-9px";
  find(".best").style.visibility = best ? "visible" : "hidden";
  find(".score").innerHTML = "now <b>" + now.toFixed(2) + "</b> bits, "
    + (best ? "your best <b>" + best.bits.toFixed(2) + "</b>" : "none of yours yet");
}

function answer() {
  due = false;
  answers = box.logits(image);
  tell(); score();
}
function show() { // at most once a frame, however fast the pen is
  draw();
  if (!due) requestAnimationFrame(answer);
  due = true;
}
function settle() { requestAnimationFrame(() => { find(".told").textContent = tell(); }); }

function keep() { undone.push(image.slice()); undone = undone.slice(-50); }

function dab(x, y) { // in pixels of the image; the middle of the first one is at 0
  const radius = +find(".widths").value / 2, ink = erasing ? 0 : +find(".greys").value;
  for (let i = 0; i < image.length; i++) {
    const cover = radius + 0.5 - Math.hypot(i % SIDE - x, Math.floor(i / SIDE) - y);
    if (cover > 0) image[i] += (ink - image[i]) * Math.min(cover, 1);
  }
  drawn = true;
}
function line(from, to) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
  for (let s = 1; s <= steps; s++) {
    dab(from[0] + (to[0] - from[0]) * s / steps, from[1] + (to[1] - from[1]) * s / steps);
  }
  show();
}

let last = null;
function where(event) {
  const seen = paper.getBoundingClientRect();
  return [(event.clientX - seen.left) * SIDE / seen.width - 0.5, (event.clientY - seen.top) * SIDE / seen.height - 0.5];
}
paper.addEventListener("pointerdown", (event) => {
  paper.setPointerCapture(event.pointerId);
  keep(); cursor = null; last = where(event);
  line(last, last);
});
paper.addEventListener("pointermove", (event) => {
  if (!last) return;
  const next = where(event);
  line(last, next); last = next;
});
for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, () => { if (last) settle(); last = null; });
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
paper.addEventListener("keydown", (event) => {
  const step = STEPS[event.key], before = cursor || [SIDE / 2, SIDE / 2];
  if (!step && event.key !== " ") return;
  event.preventDefault(); event.stopPropagation();
  const inside = (value) => Math.min(Math.max(value, 0), SIDE - 1);
  cursor = cursor && step ? [inside(before[0] + step[0]), inside(before[1] + step[1])] : before;
  if (step && !event.shiftKey) return draw();
  if (!event.repeat) keep();
  line(before, cursor);
});
paper.addEventListener("keyup", (event) => { if (event.key === " " || event.key === "Shift") settle(); });
paper.addEventListener("blur", () => { cursor = null; draw(); });

function begin(from) { keep(); image = Float32Array.from(from); drawn = false; show(); settle(); }
function offer(name, from) {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  button.type = "button"; button.title = name;
  button.setAttribute("aria-label", "begin with " + name);
  canvas.width = canvas.height = SIDE;
  paint(canvas, from);
  button.append(canvas);
  button.addEventListener("click", () => begin(from));
  find(".starts").append(button, " ");
}
for (const [name, parts] of Object.entries(SHAPES)) {
  offer(name, Float32Array.from(image, (_, i) => parts.some(([x, y, w, h]) =>
    i % SIDE >= x && i % SIDE < x + w && i / SIDE >= y && i / SIDE < y + h) ? 200 : 0));
}
const sheet = new Image();
sheet.onload = () => {
  const canvas = document.createElement("canvas");
  canvas.width = SIDE * data.classes.length; canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  data.classes.forEach((name, k) => {
    const seen = context.getImageData(k * SIDE, 0, SIDE, SIDE).data;
    const from = Float32Array.from(image, (_, i) => seen[4 * i]);
    offer("a test image, label " + name, from);
    if (k === 0 && !undone.length) { begin(from); undone = []; }
  });
  for (const button of frame.querySelectorAll("button")) button.setAttribute("data-lm-suppress-shortcuts", "true");
};
sheet.src = data.images;

function take(eraser) {
  erasing = eraser;
  find(".pen").setAttribute("aria-pressed", !eraser);
  find(".eraser").setAttribute("aria-pressed", eraser);
}
find(".pen").addEventListener("click", () => take(false));
find(".eraser").addEventListener("click", () => take(true));
find(".undo").addEventListener("click", () => { image = undone.pop() || image; show(); settle(); });
find(".again").addEventListener("click", () => { keep(); image = best.image.slice(); show(); settle(); });
heat.addEventListener("input", () => tell());
for (const [slider, shown] of [[".greys", ".grey"], [".widths", ".wide"]]) {
  find(slider).addEventListener("input", () => { find(shown).textContent = find(slider).value; });
}
take(false); show();
