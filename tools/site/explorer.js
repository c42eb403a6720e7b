// A control without a kernel: every picture was drawn when the page was built; this swaps them.
const SMALLEST = 0.7; // of its own width: below, its letters cannot be read; then the frame scrolls

for (const box of document.querySelectorAll(".explorer")) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const view = box.querySelector(".view");
  const controls = [...box.querySelectorAll("[data-control]")];
  const place = (control) => Number(control.type === "checkbox" ? control.checked : control.value);

  const show = () => {
    let row = 0;
    controls.forEach((control, i) => {
      const value = data.values[i][place(control)];
      row = row * data.values[i].length + place(control);
      const said = control.parentElement.querySelector("output");
      if (said) said.textContent = value;
      if (said) control.setAttribute("aria-valuetext", value);
    });
    view.innerHTML = data.frames[data.index[row]];
    for (const svg of view.querySelectorAll("svg")) {
      svg.style.minWidth = `${SMALLEST * svg.viewBox.baseVal.width}px`;
    }
  };

  const reset = () => {
    controls.forEach((control, i) => {
      if (control.type === "checkbox") control.checked = Boolean(data.defaults[i]);
      else control.value = data.defaults[i];
    });
    show();
  };

  for (const control of controls) control.addEventListener("input", show);
  box.querySelector("button").addEventListener("click", reset);
  reset(); // a browser that comes back to a page keeps what was set
}
