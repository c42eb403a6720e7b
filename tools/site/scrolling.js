// What is wider than the page scrolls in its frame; keys have to reach it.
const wide = new ResizeObserver((seen) => {
  for (const { target } of seen) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
});
document.querySelectorAll("pre, table, .view, math[display]").forEach((one) => wide.observe(one));
