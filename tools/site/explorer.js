// A control without a kernel: every picture was drawn when the page was built; this swaps them.
for (const box of document.querySelectorAll(".explorer")) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const controls = [...box.querySelectorAll("[data-control]")];
  const place = (control) => Number(control.type === "checkbox" ? control.checked : control.value);

  const show = () => {
    let row = 0;
    controls.forEach((control, i) => {
      row = row * data.values[i].length + place(control);
      const said = control.parentElement.querySelector("output");
      if (said) said.textContent = data.values[i][place(control)];
    });
    box.querySelector(".view").innerHTML = data.frames[data.index[row]];
  };

  for (const control of controls) control.addEventListener("input", show);
  show();
}
