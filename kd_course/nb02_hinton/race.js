const names = data.runners, seeds = Object.keys(data.races), LOW = 40, HIGH = 95, SECONDS = 20;
const last = data.races[seeds[0]].length; // number of reports in a race
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let seed = seeds[0], bet = null, time = 0, running = 0, before = 0, done = false;
const bets = {}; // of each seed, when its race was first seen to the end: was the bet right?

const style = document.createElement("style");
style.textContent = `
.kd-race { max-width: 900px; }
.kd-race .lane { margin: 10px 0 2px; }
.kd-race .lane > div:first-child { display: flex; justify-content: space-between; gap: 12px; }
.kd-race .track { position: relative; height: 22px; background: #eee; border-right: 3px solid #222; }
.kd-race .track i { position: absolute; top: 2px; width: 18px; height: 18px; border-radius: 9px; margin-left: -9px; }
.kd-race .track s { position: absolute; top: 0; bottom: 0; width: 2px; opacity: 0.35; }
.kd-race .scale { position: relative; height: 20px; font-size: 12px; }
.kd-race .scale span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.kd-race .row { margin-bottom: 10px; }
.kd-race .seeds, .kd-race .bets { display: flex; flex-wrap: wrap; gap: 4px; }
.kd-race .lane b { white-space: nowrap; }
.kd-race .note { font-size: 12px; margin: 0; }
.kd-race .told { min-height: 4.2em; margin: 8px 0 0; }
`;
const frame = document.createElement("div");
frame.className = "kd-race";
frame.innerHTML = `
<div class="row"><div role="group" aria-label="seed"><b>race, by its seed</b><span class="seeds"></span></div></div>
<div class="row"><div role="group" aria-label="your bet: who wins?"><b>your bet: who wins?</b><span class="bets"></span></div></div>
<div class="row"><div role="group" aria-label="the race"><button type="button" class="start">Start</button>
  <button type="button" class="step">One report on</button> <button type="button" class="stop">Stop</button></div>
  <span class="when"></span></div>
<div class="lanes">${names.map((name, i) => `<div class="lane"><div><span>${name}</span><b></b></div>
  <div class="track"><i style="background:${data.colours[i]}"></i></div></div>`).join("")}</div>
<div class="scale">${[50, 60, 70, 80, 90].map((at) => `<span style="left:${place(at)}%">${at} %</span>`).join("")}</div>
<p class="note">Right on the 6,000 validation images. A recording of real trainings: in every race the four have
  the same starting weights and take ${last * data.every} steps.</p>
<p class="told" aria-live="polite"></p>`;
box.replaceChildren(style, frame);
const find = (what) => frame.querySelector(what);
const start = find(".start"), step = find(".step"), stop = find(".stop"), told = find(".told");
const lanes = [...frame.querySelectorAll(".lane")];

function place(share) { return 100 * Math.max(share - LOW, 0) / (HIGH - LOW); }
const at = (report) => report === 0 ? names.map(() => 10) : data.races[seed][report - 1];

function draw() { // time is a number of reports; between two of them the runners glide
  const now = Math.floor(time), next = Math.min(now + 1, last), part = calm ? 0 : time - now;
  lanes.forEach((lane, i) => {
    const here = place(at(now)[i]) * (1 - part) + place(at(next)[i]) * part, track = lane.querySelector(".track");
    track.querySelector("i").style.left = here + "%";
    lane.querySelector("b").textContent = now ? at(now)[i].toFixed(1) + " %" : "not trained yet";
    while (track.children.length > now + 1) track.lastChild.remove();
    while (track.children.length < now + 1) {
      const mark = document.createElement("s");
      mark.style.cssText = "left:" + place(at(track.children.length)[i]) + "%;background:" + data.colours[i];
      track.append(mark);
    }
  });
  find(".when").textContent = "step " + now * data.every + " of " + last * data.every;
}

function buttons() {
  start.textContent = running ? "Pause" : time > 0 && !done ? "Go on" : "Start";
  start.disabled = bet === null;
  step.disabled = bet === null || running || done;
  stop.disabled = time === 0 && !running;
  for (const button of frame.querySelectorAll(".bets button, .seeds button")) button.disabled = time > 0 && !done;
  frame.querySelectorAll(".bets button").forEach((b, i) => b.setAttribute("aria-pressed", bet === (i < names.length ? i : -1)));
  frame.querySelectorAll(".seeds button").forEach((b, i) => b.setAttribute("aria-pressed", seeds[i] === seed));
}

function pause() { cancelAnimationFrame(running); running = 0; }
function reset(words) { pause(); time = 0; done = false; draw(); buttons(); told.textContent = words; }

function run(now) {
  time = Math.min(time + Math.max(now - before, 0) / 1000 * last / SECONDS, last);
  before = now; // a frame may have begun before the press of Start
  draw();
  if (time >= last) return finish();
  running = requestAnimationFrame(run);
}

const order = (race) => names.map((_, i) => i).sort((a, b) => race[last - 1][b] - race[last - 1][a]);
function count(rank) { // who had this place in all races, and how often
  const found = seeds.map((s) => names[order(data.races[s])[rank]]);
  return [...new Set(found)].map((name) => name + " (" + found.filter((other) => other === name).length + ")").join(", ");
}
function finish() {
  pause(); done = true; time = last;
  const ranks = order(data.races[seed]), ends = data.races[seed][last - 1];
  const listed = ranks.map((i, r) => (r + 1) + ". " + names[i] + " " + ends[i].toFixed(1) + " %").join("; ");
  let verdict = "";
  if (bet >= 0) {
    if (!(seed in bets)) bets[seed] = bet === ranks[0];
    const placed = Object.values(bets), right = placed.filter(Boolean).length;
    verdict = "You bet on “" + names[bet] + "”: " + (bet === ranks[0] ? "right" : "place " + (ranks.indexOf(bet) + 1))
      + (placed.length > 1 ? "; " + right + " of " + placed.length + " bets right" : "") + ". ";
  }
  draw(); buttons();
  told.textContent = verdict + listed + ". In the " + seeds.length + " races, first: " + count(0) + "; last: "
    + count(names.length - 1) + ".";
}

start.addEventListener("click", () => {
  if (running) { pause(); return buttons(); }
  if (done) { time = 0; done = false; }
  told.textContent = "";
  before = performance.now();
  running = requestAnimationFrame(run);
  buttons();
});
step.addEventListener("click", () => {
  time = Math.floor(time) + 1;
  if (time >= last) return finish();
  draw(); buttons();
  told.textContent = "Step " + time * data.every + ": " + names.map((n, i) => n + " " + at(time)[i].toFixed(1) + " %").join("; ") + ".";
});
stop.addEventListener("click", () => reset("Back at the start. The bet is open again."));

function choice(where, words, act) {
  const button = document.createElement("button");
  button.type = "button"; button.textContent = words;
  button.addEventListener("click", act);
  find(where).append(button);
}
for (const s of seeds) choice(".seeds", s, () => { seed = s; reset("Same students, other starting weights and other images."); });
names.forEach((name, i) => choice(".bets", name, () => { bet = i; reset("Your bet: “" + name + "”. Press Start."); }));
choice(".bets", "no bet", () => { bet = -1; reset("No bet. Press Start."); });
reset("Place a bet to open the race.");
