// One slide at a time: keys, buttons, a swipe; the address keeps the place. Without scripts, and in
// print, the slides lie below one another.
const SMALLEST = 0.65, LARGEST = 1.7; // a slide is scaled to fill the screen; beyond, it scrolls
const BUSY = "input, select, textarea, button, canvas, summary, [tabindex], .kd-alive, .explorer";
const slides = [...document.querySelectorAll("main > section")];
const nav = document.querySelector("nav");
let place = 0;

const fit = (slide) => {
  for (let zoom = innerWidth < 700 ? 1 : LARGEST; zoom >= SMALLEST; zoom -= 0.05) {
    slide.style.zoom = zoom;
    const wide = slide.scrollWidth > slide.clientWidth;
    if (slide.scrollHeight <= slide.clientHeight && !wide) return;
  }
};

const show = (wanted) => {
  place = Math.min(Math.max(wanted, 0), slides.length - 1);
  slides.forEach((slide, i) => slide.classList.toggle("here", i === place));
  nav.querySelector("output").textContent = `${place + 1} / ${slides.length}`;
  Object.assign(nav.querySelector("progress"), { value: place + 1, max: slides.length });
  history.replaceState(null, "", `#${place + 1}`);
  fit(slides[place]);
};

const STEPS = { ArrowRight: 1, ArrowLeft: -1, PageDown: 1, PageUp: -1, " ": 1, Home: -1e9, End: 1e9 };
addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  const pages = event.key.startsWith("Page"); // what a presenter's clicker sends; controls need not
  if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!pages && event.target.closest(BUSY)) return;
  event.preventDefault();
  show(place + step);
});
nav.addEventListener("click", (event) => {
  const step = event.target.dataset.step;
  if (step) show(place + Number(step));
  event.target.blur(); // so that the arrow keys go on turning pages
});
let start = null;
addEventListener("touchstart", (event) => {
  start = event.target.closest(BUSY) ? null : event.touches[0];
});
addEventListener("touchend", (event) => {
  const moved = start ? event.changedTouches[0].clientX - start.clientX : 0;
  if (Math.abs(moved) > 60) show(place - Math.sign(moved));
});
addEventListener("resize", () => fit(slides[place]));
addEventListener("click", (event) => {
  if (event.target.closest(".kd-guess")) fit(slides[place]); // an answer needs room
});
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1));
document.body.classList.add("deck");
show((Number(location.hash.slice(1)) || 1) - 1);
