const guess = box.querySelector(".kd-guess"), details = guess.querySelector("details");
const told = guess.querySelector(".told"), start = data.options ? [...data.options] : [];
const style = document.createElement("style");
style.textContent = `
.kd-guess, .kd-tally { font: 14px/1.5 system-ui, sans-serif; color: var(--jp-content-font-color1, #222); background: var(--jp-layout-color2, #f3f5f7); border-left: 4px solid #0072B2; border-radius: 4px; padding: 12px 16px; margin: 4px 0; max-width: 900px; box-sizing: border-box; }
.kd-guess p { margin: 0 0 10px; }
.kd-guess .question { font-size: 16px; }
.kd-guess .choices { border: 0; margin: 0 0 10px !important; padding: 0 !important; display: grid; gap: 6px; }
.kd-guess .choices > * { display: flex; gap: 10px; align-items: center; margin: 0; padding: 7px 12px; border: 1px solid var(--jp-border-color1, #b4b9be); border-radius: 4px; background: var(--jp-layout-color1, #fff); }
.kd-guess fieldset.choices { grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr)); }
.kd-guess .choices > :has(:checked) { border-color: #0072B2; box-shadow: 0 0 0 1px #0072B2; }
.kd-guess .choices > .right { border-color: #009E73; box-shadow: 0 0 0 1px #009E73; }
.kd-guess .choices > * > span { flex: 1; }
.kd-guess .choices label { cursor: pointer; }
.kd-guess .choices em { font-style: normal; font-weight: 600; }
.kd-guess .grip { flex: none; cursor: grab; touch-action: none; padding: 0 4px; }
.kd-guess .number { display: inline-flex; gap: 8px; align-items: center; margin-bottom: 10px; flex-wrap: wrap; }
.kd-guess input[type=number] { font: inherit; width: 7em; padding: 6px 8px; color: inherit; background: var(--jp-layout-color1, #fff); border: 1px solid var(--jp-border-color1, #767676); border-radius: 4px; }
.kd-guess input[type=radio] { accent-color: #0072B2; margin: 0; }
.kd-guess button { font: inherit; padding: 6px 14px; border: 1px solid var(--jp-border-color1, #767676); border-radius: 4px; background: var(--jp-layout-color1, #fff); color: inherit; cursor: pointer; }
.kd-guess .commit { background: #0072B2; border-color: #0072B2; color: #fff; }
.kd-guess .commit:disabled { opacity: .45; cursor: default; }
.kd-guess .row { display: flex; flex-wrap: wrap; gap: 8px; }
.kd-guess :focus-visible { outline: 2px solid #E69F00; outline-offset: 2px; }
.kd-guess .answer { overflow-x: auto; }
.kd-guess .answer .told { font-size: 16px; }
.kd-guess .answer table { width: auto; margin: 0 0 10px; color: inherit; border: 0; }
.kd-guess .answer td, .kd-guess .answer th { border: 0; border-bottom: 1px solid var(--jp-border-color2, #ddd); padding: 4px 10px; text-align: left; }
.kd-guess .answer td { white-space: nowrap; }
.kd-guess .answer details { margin-bottom: 10px; }
.kd-guess .answer img { background: #fff; max-width: 100%; height: auto; border-radius: 4px; }
.kd-guess .soft { opacity: .8; }
@media print { .kd-guess .answer { display: block !important; } .kd-guess .row { display: none; } .kd-guess ::details-content { content-visibility: visible; } }
`;
const answer = document.createElement("div"), said = document.createElement("div");
answer.className = "answer";
answer.hidden = true;
answer.append(...[...details.childNodes].slice(1)); // all but the summary
said.setAttribute("aria-live", "polite"); // says places while sorting, then the answer
const row = document.createElement("div");
row.className = "row";
row.innerHTML = `<button type="button" class="commit">This is my guess</button>
  <button type="button" class="show">Show me</button>`;
const commit = row.querySelector(".commit");

// Each kind: its controls, what the reader says (null: nothing yet), and how far off that is.
const asked = { one, number, order }[data.kind]();
guess.querySelector("ul").replaceWith(asked.controls);
details.replaceWith(row, said, answer);
guess.prepend(style);

function one() {
  const controls = document.createElement("fieldset"), group = "g" + Math.random();
  controls.className = "choices";
  controls.setAttribute("aria-label", data.question);
  for (const option of data.options) {
    const label = document.createElement("label"), text = document.createElement("span");
    label.innerHTML = `<input type="radio" name="${group}">`;
    text.textContent = option;
    label.append(text);
    controls.append(label);
  }
  const radios = [...controls.querySelectorAll("input")];
  return {
    controls,
    value: () => data.options[radios.findIndex((radio) => radio.checked)] ?? null,
    compare: (value) => value === data.right ? ["right", "Right."]
      : ["off", `You guessed “${value}”. It is “${data.right}”.`],
    mark() {
      controls.children[data.options.indexOf(data.right)].classList.add("right");
      controls.children[data.options.indexOf(data.right)].append(em("✓ the answer"));
    },
  };
}

function number() {
  const controls = document.createElement("div");
  controls.className = "number";
  controls.innerHTML = `<input type="number" step="any"> <span class="unit"></span>
    <span class="soft"></span>`;
  const field = controls.querySelector("input");
  field.setAttribute("aria-label", data.question);
  controls.querySelector(".unit").textContent = data.unit;
  controls.querySelector(".soft").textContent =
    data.tolerance ? `(${data.tolerance} more or less counts as right)` : "";
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !commit.disabled) commit.click();
  });
  return {
    controls,
    value: () => (field.value === "" ? null : Number(field.value)),
    compare(value) {
      const by = value - data.right, off = Math.abs(by) - 1e-9, way = by > 0 ? "high" : "low";
      const both = `You guessed ${value} ${data.unit}`.trim() + `; it is ${data.told}: `;
      if (off <= data.tolerance) return ["right", both + "right."];
      if (off <= 3 * data.tolerance) return ["close", both + `close, a little too ${way}.`, way];
      return ["off", both + `too ${way}.`, way];
    },
    mark() {},
  };
}

function order() {
  const controls = document.createElement("ol");
  controls.className = "choices";
  controls.setAttribute("aria-label", data.question);
  const items = () => [...controls.children].map((item) => item.dataset.name);
  function move(item, step) {
    const next = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!next || commit.hidden) return;
    const focused = document.activeElement; // moved, it would lose the focus
    step < 0 ? next.before(item) : next.after(item);
    focused.focus({ preventScroll: true });
    tell(item);
  }
  function tell(item) {
    number_them();
    said.textContent = `${item.dataset.name}: place ${items().indexOf(item.dataset.name) + 1} of ${start.length}.`;
  }
  function number_them() {
    [...controls.children].forEach((item, place) => (item.querySelector("b").textContent = place + 1 + "."));
  }
  for (const option of data.options) {
    const item = document.createElement("li");
    item.dataset.name = option;
    item.tabIndex = 0;
    item.innerHTML = `<i class="grip" aria-hidden="true">⠿</i><b></b><span></span>
      <button type="button">↑</button><button type="button">↓</button>`;
    item.querySelector("span").textContent = option;
    item.querySelectorAll("button").forEach((button, which) => {
      button.setAttribute("aria-label", `${option}, ${which ? "down" : "up"}`);
      button.addEventListener("click", () => move(item, which ? 1 : -1));
    });
    item.addEventListener("keydown", (event) => {
      if (!["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      move(item, event.key === "ArrowUp" ? -1 : 1);
    });
    const grip = item.querySelector(".grip");
    grip.addEventListener("pointerdown", (event) => grip.setPointerCapture(event.pointerId));
    grip.addEventListener("pointermove", (event) => {
      if (!grip.hasPointerCapture(event.pointerId)) return;
      const { top, bottom } = item.getBoundingClientRect();
      if (event.clientY < top) move(item, -1);
      if (event.clientY > bottom) move(item, 1);
    });
    controls.append(item);
  }
  number_them();
  return {
    controls,
    value: items,
    compare(value) {
      let good = 0, pairs = 0;
      value.forEach((a, i) => value.slice(i + 1).forEach((b) => {
        pairs++;
        good += data.right.indexOf(a) < data.right.indexOf(b);
      }));
      const share = `${good} of ${pairs} pairs stand in the right order`;
      if (good === pairs) return ["right", "Right, every place."];
      return [good >= 0.8 * pairs ? "close" : "off",
        good >= 0.8 * pairs ? `Close: ${share}.` : `${share}; by chance it would be half.`];
    },
    show() {
      const place = (item) => data.right.indexOf(item.dataset.name);
      controls.append(...[...controls.children].sort((a, b) => place(a) - place(b)));
      number_them();
    },
    mark() {
      for (const item of controls.children) {
        const place = data.right.indexOf(item.dataset.name) + 1;
        item.querySelectorAll("button, .grip").forEach((part) => part.remove());
        item.append(em(place === [...controls.children].indexOf(item) + 1 ? "✓" : `is number ${place}`));
      }
    },
  };
}

function em(words) {
  const made = document.createElement("em");
  made.textContent = words;
  return made;
}

// The guesses of a page, or of each notebook in JupyterLab, for the tally at the end.
const home = () => box.closest(".jp-Notebook") ?? document.body;
function report(outcome, way) {
  window.kdGuesses ??= new WeakMap();
  if (!window.kdGuesses.has(home())) window.kdGuesses.set(home(), new Map());
  window.kdGuesses.get(home()).set(data.question, { outcome, way });
  document.dispatchEvent(new CustomEvent("kd-guess"));
}

function reveal(outcome, words, way) {
  if (!words) asked.show?.();
  asked.mark();
  asked.controls.querySelectorAll("input, button").forEach((control) => (control.disabled = true));
  commit.hidden = true;
  row.remove();
  answer.hidden = false;
  if (words) told.innerHTML = "<b></b>", (told.firstChild.textContent = words);
  else if (data.options) told.remove(); // marked above
  said.textContent = "";
  said.append(answer);
  said.tabIndex = -1;
  said.setAttribute("data-lm-suppress-shortcuts", "true");
  said.focus({ preventScroll: true }); // the button is gone; else the page would get the keys
  report(outcome, way);
}

const ready = () => (commit.disabled = asked.value() === null);
guess.addEventListener("input", ready);
commit.addEventListener("click", () => reveal(...asked.compare(asked.value())));
row.querySelector(".show").addEventListener("click", () => reveal("shown"));
ready();
report("open");
