const count = data.labels.length, classes = data.classes.length;
const place = [];
data.order.forEach((k, i) => {
  const angle = (2 * Math.PI * i) / classes;
  place[k] = [Math.sin(angle), -Math.cos(angle)];
});
const below = {}; // of each network: how far each logit lies below the largest, image by image
for (const [name, text] of Object.entries(data.networks)) {
  below[name] = Float32Array.from(atob(text), (c) => (c.charCodeAt(0) / data.fineness) ** 2);
}
const names = Object.keys(below);
let network = names[0], temperature = 1, chosen = -1, pinned = false, timer = 0;
let dots = new Float32Array(2 * count), aim = null, since = 0;

const style = document.createElement("style");
style.textContent = `
.kd-polygon { max-width: 960px; }
.kd-polygon .stage { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 8px; }
.kd-polygon canvas.map { width: 100%; max-width: 600px; aspect-ratio: 6 / 5; touch-action: pan-y; }
.kd-polygon .card { flex: 1 1 240px; min-height: 300px; }
.kd-polygon .card canvas { width: 80px; height: 80px; background: #000; }
.kd-polygon .bar { display: grid; grid-template-columns: 92px 1fr 44px; gap: 6px; align-items: center; }
.kd-polygon .bar i { display: block; height: 11px; }
`;
const frame = document.createElement("div");
frame.className = "kd-polygon";
frame.innerHTML = `
<div class="row">
  <label><b>temperature <i>T</i>: <span class="t">1.0</span></b>
    <input type="range" min="-1" max="3" step="0.01" value="0" aria-label="temperature T"></label>
  <button type="button" class="play">Raise <i>T</i> slowly</button>
  <div role="group" aria-label="whose answers"><b>whose answers</b><span class="who"></span></div>
</div>
<div class="stage">
  <canvas class="map" width="1200" height="1000" tabindex="0" role="img"></canvas>
  <div class="card" aria-live="polite"></div>
</div>`;
box.replaceChildren(style, frame);
const slider = frame.querySelector("input"), output = frame.querySelector(".t");
const play = frame.querySelector(".play"), map = frame.querySelector(".map");
const card = frame.querySelector(".card"), pen = map.getContext("2d");
map.setAttribute("aria-label",
  "Map of " + count + " test images between " + classes + " classes. Arrow keys walk through them.");
const sheet = new Image();
sheet.src = data.thumbnails;
sheet.onload = tell;

function soft(who, image, t) {
  const p = [];
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += p[k] = Math.exp(-below[who][image * classes + k] / t);
  return p.map((value) => value / sum);
}

function position(who, t) {
  const found = new Float32Array(2 * count), z = below[who];
  for (let i = 0; i < count; i++) {
    let sum = 0, x = 0, y = 0;
    for (let k = 0; k < classes; k++) {
      const p = Math.exp(-z[i * classes + k] / t);
      sum += p; x += p * place[k][0]; y += p * place[k][1];
    }
    found[2 * i] = x / sum; found[2 * i + 1] = y / sum;
  }
  return found;
}

let radius = 420, letters = 26; // in units of the canvas; letters are 11 pixels high at least
const X = (x) => 600 + radius * x, Y = (y) => 500 + radius * y;

function draw() {
  letters = Math.max(26, 13200 / (map.clientWidth || 600));
  pen.font = "600 " + letters + "px sans-serif";
  const room = data.classes.map((name, k) => // beside the ring, for the longest name there
    (590 - pen.measureText(name).width) / (1.05 * Math.abs(place[k][0])));
  radius = Math.min(446 - letters, ...room.filter((_, k) => Math.abs(place[k][0]) > 0.1));
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, 1200, 1000);
  pen.strokeStyle = "#bbb"; pen.lineWidth = 2;
  pen.beginPath();
  data.order.forEach((k) => pen.lineTo(X(place[k][0]), Y(place[k][1])));
  pen.closePath(); pen.stroke();
  for (let k = 0; k < classes; k++) {
    pen.fillStyle = data.colours[k];
    for (let i = 0; i < count; i++) {
      if (data.labels[i] === k) pen.fillRect(X(dots[2 * i]) - 3, Y(dots[2 * i + 1]) - 3, 6, 6);
    }
  }
  pen.textBaseline = "middle"; pen.fillStyle = "#222";
  data.classes.forEach((name, k) => {
    const [x, y] = place[k];
    pen.textAlign = Math.abs(x) < 0.1 ? "center" : x > 0 ? "left" : "right";
    pen.fillText(name, X(1.05 * x), Y(1.09 * y));
  });
  if (chosen >= 0) {
    pen.strokeStyle = "#000"; pen.lineWidth = 4;
    pen.beginPath();
    pen.arc(X(dots[2 * chosen]), Y(dots[2 * chosen + 1]), 14, 0, 7); pen.stroke();
  }
}

function tell() {
  if (chosen < 0) {
    card.innerHTML = "<p>Point at a dot, or walk with the arrow keys; a click holds it. "
      + "Colours are labels.</p>";
    return;
  }
  const p = soft(network, chosen, temperature), label = data.labels[chosen];
  card.innerHTML = "<canvas width='" + data.side + "' height='" + data.side + "'></canvas>"
    + "<p>label: <b>" + data.classes[label] + "</b>" + (pinned ? " (held)" : "") + "</p>"
    + p.map((value, k) => "<div class='bar'><span>" + data.classes[k] + "</span><i style='width:"
      + (100 * value).toFixed(1) + "%;background:" + data.colours[k] + "'></i><span>"
      + value.toFixed(2) + "</span></div>").join("");
  const side = data.side, x = (chosen % 50) * side, y = Math.floor(chosen / 50) * side;
  card.querySelector("canvas").getContext("2d").drawImage(sheet, x, y, side, side, 0, 0, side, side);
}

// Dots glide to where they belong when the network changes; with the slider they move at once.
function glide(now) {
  const done = Math.min((now - since) / 500, 1), end = position(network, temperature);
  for (let i = 0; i < dots.length; i++) dots[i] = aim[i] + done * (end[i] - aim[i]);
  draw();
  if (done < 1) requestAnimationFrame(glide);
}

let due = false;
function show() {
  output.textContent = temperature.toFixed(temperature < 10 ? 1 : 0);
  slider.setAttribute("aria-valuetext", "T = " + output.textContent);
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    dots = position(network, temperature);
    draw(); tell();
  });
}

function heat(power) {
  slider.value = power;
  temperature = Math.exp(power);
  show();
}
slider.addEventListener("input", () => { halt(); heat(+slider.value); });

function halt() {
  cancelAnimationFrame(timer);
  timer = 0;
  play.innerHTML = "Raise <i>T</i> slowly";
}
play.addEventListener("click", () => {
  if (timer) return halt();
  play.textContent = "Stop";
  const start = performance.now();
  const step = (now) => {
    const power = Math.min((now - start) / 2000, 3);
    heat(power);
    if (power < 3) timer = requestAnimationFrame(step); else halt();
  };
  timer = requestAnimationFrame(step);
});

for (const name of names) {
  const button = document.createElement("button");
  button.type = "button"; button.textContent = name;
  button.setAttribute("aria-pressed", name === network);
  button.addEventListener("click", () => {
    for (const other of frame.querySelectorAll(".who button")) {
      other.setAttribute("aria-pressed", other === button);
    }
    network = name; aim = dots.slice(); since = performance.now();
    tell(); requestAnimationFrame(glide);
  });
  frame.querySelector(".who").append(button);
}

function nearest(event) {
  const seen = map.getBoundingClientRect(), scale = 1200 / seen.width;
  const x = (event.clientX - seen.left) * scale, y = (event.clientY - seen.top) * scale;
  let best = -1, least = 40 * 40;
  for (let i = 0; i < count; i++) {
    const far = (X(dots[2 * i]) - x) ** 2 + (Y(dots[2 * i + 1]) - y) ** 2;
    if (far < least) { least = far; best = i; }
  }
  return best;
}
function choose(image) { if (image !== chosen) { chosen = image; draw(); tell(); } }
map.addEventListener("pointermove", (event) => { if (!pinned) choose(nearest(event)); });
map.addEventListener("click", (event) => {
  const found = nearest(event);
  pinned = found >= 0 && !(pinned && found === chosen);
  chosen = found; draw(); tell();
});
map.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault(); event.stopPropagation();
  pinned = true;
  choose((chosen + step + count) % count);
});
tell(); show();
