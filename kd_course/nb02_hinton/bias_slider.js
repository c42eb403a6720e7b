const names = Object.keys(data.students), last = data.shifts.length - 1;
const style = document.createElement("style");
style.textContent = `
.kd-bias { max-width: 1000px; }
.kd-bias .students { display: flex; flex-wrap: wrap; gap: 12px 32px; margin-top: 10px; }
.kd-bias .students > div { flex: 1 1 300px; max-width: 460px; }
.kd-bias h4 { margin: 0 0 4px; font-size: 15px; }
.kd-bias canvas { width: 100%; display: block; background: #111; image-rendering: auto; margin: 2px 0 8px; }
.kd-bias svg { width: 100%; height: auto; display: block; }
`;
const frame = document.createElement("div");
frame.className = "kd-bias";
frame.innerHTML = `
<div class="row">
  <label><b>added to the logit of ${data.class}: <span class="t">0</span></b>
    <input type="range" min="0" max="${last}" step="1" value="0" aria-label="added to the logit of ${data.class}"></label>
  <span class="goals"></span>
</div>
<div class="students"></div>
<p class="told" aria-live="polite"></p>`;
box.replaceChildren(style, frame);
const slider = frame.querySelector("input"), value = frame.querySelector(".t");
const sheet = new Image();
const COLUMNS = 20, CELL = 24;

const line = (shares, colour) => "<polyline fill='none' stroke-width='2' stroke='" + colour
  + "' points='" + shares.map((s, i) => (40 + 400 * i / last).toFixed(1) + "," + (110 - s).toFixed(1)).join(" ") + "'/>";

const panels = names.map((name) => {
  const found = data.students[name], panel = document.createElement("div");
  const mark = 40 + 400 * found.chosen / last;
  panel.innerHTML = `<h4>${name}</h4>
    <div class="own"></div><canvas width="${COLUMNS * CELL}" height="${CELL * data.count / COLUMNS}"></canvas>
    <div class="others"></div><canvas width="${COLUMNS * CELL}" height="${CELL * data.count / COLUMNS}"></canvas>
    <svg viewBox="-6 0 466 146" role="img" aria-label="right in percent, by the number added">
      <line x1="40" y1="110" x2="440" y2="110" stroke="#888"/><line x1="40" y1="10" x2="40" y2="110" stroke="#888"/>
      ${[0, 50, 100].map((s) => `<text x="34" y="${114 - s}" text-anchor="end" font-size="12">${s} %</text>`).join("")}
      ${[0, 10, 20, 30, 40].map((s) => `<text x="${40 + 10 * s}" y="126" text-anchor="middle" font-size="12">${s}</text>`).join("")}
      <text x="240" y="140" text-anchor="middle" font-size="12">added to the logit</text>
      <line x1="${mark}" y1="10" x2="${mark}" y2="110" stroke="#222" stroke-dasharray="3 3"/>
      ${line(found.hidden, "#0072B2")}${line(found.others, "#767676")}
      <line class="now" y1="6" y2="110" stroke="#D55E00" stroke-width="2"/>
    </svg>`;
  frame.querySelector(".students").append(panel);
  return panel;
});

function picture(canvas, first, lit) {
  const pen = canvas.getContext("2d"), side = data.side;
  pen.fillStyle = "#111";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.count; i++) {
    const from = first + i, x = (i % COLUMNS) * CELL, y = Math.floor(i / COLUMNS) * CELL;
    pen.globalAlpha = lit[from] ? 1 : 0.13;
    pen.drawImage(sheet, (from % 50) * side, Math.floor(from / 50) * side, side, side, x, y, CELL, CELL);
  }
  pen.globalAlpha = 1;
}

function show() {
  const step = +slider.value, shift = data.shifts[step];
  value.textContent = shift.toFixed(2);
  slider.setAttribute("aria-valuetext", "plus " + shift.toFixed(2));
  const told = names.map((name, i) => {
    const found = data.students[name], panel = panels[i];
    const lit = found.needed.map((needed, k) =>
      k < data.count ? needed < shift : found.right[k] && needed >= shift);
    const [own, others] = panel.querySelectorAll("canvas");
    picture(own, 0, lit);
    picture(others, data.count, lit);
    panel.querySelector(".own").innerHTML = data.class + "s called so: <b>" + found.hidden[step].toFixed(1) + " %</b>";
    panel.querySelector(".others").innerHTML = "other classes still right: <b>" + found.others[step].toFixed(1)
      + " %</b>; all: <b>" + found.all[step].toFixed(1) + " %</b>";
    const now = panel.querySelector(".now"), x = 40 + 400 * step / last;
    now.setAttribute("x1", x); now.setAttribute("x2", x);
    return name + ": " + found.hidden[step].toFixed(1) + " % of the " + data.class.toLowerCase() + "s";
  });
  frame.querySelector(".told").textContent = "Lit: right. Blue line: " + data.class.toLowerCase()
    + "s; grey: the others; dotted: the number chosen on validation images. " + told.join("; ") + ".";
}

function goal(words, step) {
  const button = document.createElement("button");
  button.type = "button"; button.textContent = words;
  button.addEventListener("click", () => { slider.value = step; show(); });
  frame.querySelector(".goals").append(button);
}
goal("nothing added", 0);
for (const name of names) goal("chosen for “" + name + "”", data.students[name].chosen);
slider.addEventListener("input", show);
sheet.onload = show;
sheet.src = data.thumbnails;
show();
