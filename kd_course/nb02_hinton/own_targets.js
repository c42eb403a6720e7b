const K = data.classes.length, SIDE = 14, PIXELS = SIDE * SIDE, STEPS = 200, RATE = 0.1, DECAY = 0.001;
const sets = data.sets.length;
let set = 0, chosen = 0, due = false, seen = null, asked = null;
const label = (k) => data.classes.map((_, other) => (other === k ? 1 : 0)); // image k of a set has label k
const own = [...Array(sets)].map(() => [...Array(K).keys()].map(label)); // the reader's targets
const network = (s) => data.soft.slice(s * K, (s + 1) * K);

const style = document.createElement("style");
style.textContent = `
.kd-own { max-width: 960px; }
.kd-own .row { margin-bottom: 8px; }
.kd-own .ten { display: flex; flex-wrap: wrap; gap: 4px; }
.kd-own .ten button { padding: 2px; line-height: 0; }
.kd-own .ten canvas { width: 44px; height: 44px; }
.kd-own .ten button[aria-pressed=true] { outline: 3px solid #0072B2; }
.kd-own .stage { display: flex; flex-wrap: wrap; gap: 12px 28px; margin-top: 8px; }
.kd-own .stage > * { flex: 1 1 320px; }
.kd-own .big { width: 112px; height: 112px; }
.kd-own .bar { display: grid; grid-template-columns: 92px 1fr 40px; gap: 8px; align-items: center; }
.kd-own .bar input[type=range] { width: 100%; margin: 2px 0; }
.kd-own .lane { margin: 8px 0; }
.kd-own .lane > div { display: flex; justify-content: space-between; }
.kd-own .lane p { height: 18px; margin: 0; background: #eee; }
.kd-own .lane i { display: block; height: 18px; }
`;
const LANES = [["the labels", "#767676"], ["your targets", "#E69F00"], ["the network's, T = " + data.temperature, "#0072B2"]];
const frame = document.createElement("div");
frame.className = "kd-own";
frame.innerHTML = `
<div class="row"><div role="group" aria-label="ten images"><b>ten images</b><span class="sets"></span></div>
  <div role="group" aria-label="say for one"><b>say for one</b><span class="ten"></span></div></div>
<div class="stage">
  <div><b class="which"></b><div class="bars">${data.classes.map((name) => `<label class="bar"><span>${name}</span><input type="range"
      min="0" max="100" step="1" aria-label="${name}"><span></span></label>`).join("")}</div>
    <div class="row" style="margin-top: 6px"><span class="ways"></span></div></div>
  <div><canvas class="big" width="28" height="28"></canvas>
    <div><b>A student learns these ten images from</b></div>
    ${LANES.map(([name, colour]) => `<div class="lane"><div><span>${name}</span><b></b></div><p><i style="background:${colour}"></i></p></div>`).join("")}
    <p class="told" aria-live="polite"></p></div>
</div>`;
box.replaceChildren(style, frame);
const find = (what) => frame.querySelector(what), all = (what) => [...frame.querySelectorAll(what)];

// Softmax regression on 14 × 14 pixels, all ten images in each step, from weights 0.
function train(images, targets) {
  const W = new Float64Array(K * PIXELS), b = new Float64Array(K), z = new Float64Array(K);
  const slope = new Float64Array(K * PIXELS);
  for (let step = 0; step < STEPS; step++) {
    for (let j = 0; j < slope.length; j++) slope[j] = DECAY * W[j];
    const bias = new Float64Array(K);
    images.forEach((x, i) => {
      score(W, b, x, z);
      const top = Math.max(...z), powers = z.map((value) => Math.exp(value - top));
      const sum = powers.reduce((a, c) => a + c);
      for (let k = 0; k < K; k++) {
        const error = (powers[k] / sum - targets[i][k]) / images.length;
        bias[k] += error;
        for (let j = 0; j < PIXELS; j++) slope[k * PIXELS + j] += error * x[j];
      }
    });
    for (let j = 0; j < W.length; j++) W[j] -= RATE * slope[j];
    for (let k = 0; k < K; k++) b[k] -= RATE * bias[k];
  }
  return { W, b };
}
function score(W, b, x, z) {
  for (let k = 0; k < K; k++) {
    z[k] = b[k];
    for (let j = 0; j < PIXELS; j++) z[k] += W[k * PIXELS + j] * x[j];
  }
}
function right({ W, b }) {
  const z = new Float64Array(K);
  const hits = asked.filter((x, i) => { score(W, b, x, z); return z.indexOf(Math.max(...z)) === data.labels[i]; });
  return 100 * hits.length / asked.length;
}
box.measure = (targets) => right(train(seen.slice(set * K, (set + 1) * K).map(half), targets));
function half(image) { // 28 × 28 from 0 to 255 → 14 × 14 from 0 to 1
  return Float64Array.from({ length: PIXELS }, (_, i) => {
    const from = Math.floor(i / SIDE) * 56 + (i % SIDE) * 2;
    return (image[from] + image[from + 1] + image[from + 28] + image[from + 29]) / 1020;
  });
}

function paint(canvas, image) {
  const context = canvas.getContext("2d"), picture = context.createImageData(28, 28);
  image.forEach((value, i) => picture.data.set([value, value, value, 255], 4 * i));
  context.putImageData(picture, 0, 0);
}

const known = {}; // accuracy from the labels and from the network, by set
function measure() {
  due = false;
  known[set] ??= [box.measure(own[set].map((_, k) => label(k))), box.measure(network(set))];
  const [plain, soft] = known[set], yours = box.measure(own[set]);
  all(".lane").forEach((lane, i) => {
    const share = [plain, yours, soft][i];
    lane.querySelector("b").textContent = share.toFixed(1) + " %";
    lane.querySelector("i").style.width = share + "%";
  });
  const points = (share) => Math.abs(share).toFixed(1) + (share < 0 ? " points fewer" : " points more");
  find(".told").textContent = "Right on " + asked.length + " validation images: your student " + points(yours - soft)
    + " than the network's, the network's " + points(soft - plain) + " than that of the labels.";
}

function show() {
  const target = own[set][chosen];
  all(".bar").forEach((bar, k) => {
    bar.querySelector("input").value = 100 * target[k];
    bar.lastElementChild.textContent = target[k].toFixed(2);
  });
  all(".ten button").forEach((button, k) => {
    button.setAttribute("aria-pressed", k === chosen);
    paint(button.firstChild, seen[set * K + k]);
  });
  all(".sets button").forEach((button, s) => button.setAttribute("aria-pressed", s === set));
  paint(find(".big"), seen[set * K + chosen]);
  find(".which").textContent = "Your soft target; the label says " + data.classes[chosen];
  if (!due) requestAnimationFrame(measure);
  due = true;
}

all(".bar input").forEach((slider, k) => slider.addEventListener("input", () => { // the others share the rest
  const target = own[set][chosen], now = slider.value / 100, rest = 1 - target[k];
  own[set][chosen] = target.map((p, other) => other === k ? now : rest > 0 ? p * (1 - now) / rest : (1 - now) / (K - 1));
  show();
}));
function button(where, words, act, named) {
  const made = document.createElement("button");
  made.type = "button"; made.append(words);
  if (named) made.setAttribute("aria-label", named);
  made.addEventListener("click", () => { act(); show(); });
  find(where).append(made, " ");
}
for (let s = 0; s < sets; s++) button(".sets", data.sets[s], () => { set = s; });
data.classes.forEach((name, k) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  button(".ten", canvas, () => { chosen = k; }, "image with label " + name);
});
button(".ways", "the label", () => { own[set][chosen] = label(chosen); });
button(".ways", "all alike", () => { own[set][chosen] = data.classes.map(() => 1 / K); });
button(".ways", "what the network says", () => { own[set][chosen] = network(set)[chosen].slice(); });

function pictures(address, side, count) { // a sheet, 50 in a row → their pixels from 0 to 255
  return new Promise((done) => {
    const sheet = new Image();
    sheet.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = sheet.width; canvas.height = sheet.height;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(sheet, 0, 0);
      done([...Array(count).keys()].map((i) => {
        const got = context.getImageData((i % 50) * side, Math.floor(i / 50) * side, side, side).data;
        return Array.from({ length: side * side }, (_, j) => got[4 * j]);
      }));
    };
    sheet.src = address;
  });
}
Promise.all([pictures(data.images, 28, sets * K), pictures(data.asked, SIDE, data.labels.length)]).then(([train, test]) => {
  seen = train;
  asked = test.map((image) => Float64Array.from(image, (value) => value / 255));
  show();
});
