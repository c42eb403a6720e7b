const line = box.querySelector(".kd-tally"), home = () => box.closest(".jp-Notebook") ?? document.body;
line.setAttribute("aria-live", "polite");
line.setAttribute("style", `font: 16px/1.5 system-ui, sans-serif; border-left: 4px solid #0072B2;
  border-radius: 4px; padding: 12px 16px; margin: 4px 0; max-width: 900px; box-sizing: border-box;
  color: var(--jp-content-font-color1, #222); background: var(--jp-layout-color2, #f3f5f7)`);

function count() {
  const all = [...(window.kdGuesses?.get(home())?.values() ?? [])];
  const n = (outcome) => all.filter((one) => one.outcome === outcome).length;
  const way = (which) => all.filter((one) => one.way === which).length;
  const ways = ["low", "high"].filter(way).map((which) => `too ${which} ${times(way(which))}`);
  const parts = [`You guessed ${n("right")} of ${all.length} right`];
  if (n("close")) parts[0] += ` and ${n("close")} closely`;
  if (ways.length) parts.push("your numbers were " + ways.join(" and "));
  if (n("shown")) parts.push(`${n("shown")} shown without a guess`);
  if (n("open")) parts.push(`${n("open")} still open`);
  line.textContent = n("open") < all.length ? parts.join("; ") + "."
    : `${all.length === 1 ? "One guess waits" : all.length + " guesses wait"} for you above; the tally is kept here.`;
}

const times = (n) => [, "once", "twice"][n] ?? n + " times";
document.addEventListener("kd-guess", count);
count();
