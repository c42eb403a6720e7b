"""How the playground lies on a screen: labels above their controls, groups in aligned columns."""

from __future__ import annotations

import ipywidgets as widgets

LABELLED, GROUP, GRID, PAGE = "kd-labelled", "kd-group", "kd-grid", "kd-page"
BOXES = "kd-boxes"

STYLE = """<style>
.kd-page, .kd-page .widget-vbox, .kd-page .widget-box { overflow: visible; }
.kd-page .kd-grid { display: grid; gap: 10px 26px; margin: 4px 0 6px;
  grid-template-columns: repeat(auto-fit, minmax(min(250px, 100%), 1fr)); }
.kd-page .kd-group { display: grid; grid-auto-rows: 50px; grid-template-rows: 26px;
  border-top: 3px solid #0072B2; }
.kd-page .kd-group > * { margin: 0; }
.kd-page .kd-labelled { display: grid; grid-template: 20px 28px / 1fr auto; height: auto; }
.kd-page .kd-labelled > label, .kd-page .kd-group label { grid-column: 1 / -1; width: auto;
  max-width: none; height: 20px; line-height: 20px; text-align: left; }
.kd-page .kd-labelled > select, .kd-page .kd-labelled > input { width: 100%; height: 28px; }
.kd-page .kd-boxes { display: grid; grid-template-rows: 20px 28px; }
.kd-page .kd-boxes > * { margin: 0; gap: 14px; }
.kd-page .kd-labelled .slider-container { margin-left: 8px; }
.kd-page .widget-html:has(> .widget-html-content:empty) { display: none; }
.kd-page .widget-html-content { line-height: 1.45; }
.kd-page .kd-head { font-weight: bold; }
.kd-figures { display: grid; gap: 14px 18px;
  grid-template-columns: repeat(auto-fit, minmax(min(500px, 100%), 1fr)); }
.kd-figures > div { overflow-x: auto; }
.kd-figures svg { width: 100%; min-width: 470px; height: auto; }
.kd-said { padding: 6px 12px; border-left: 6px solid #8c8c8c; font-size: 16px; }
</style>"""

# Sliders have no name of their own for screen readers, and JupyterLab takes keys pressed in a
# dropdown for commands unless the dropdown itself, not what holds it, says not to.
SCRIPT = """
const name = page => page.querySelectorAll('.noUi-handle:not([aria-label])').forEach(handle => {
  const label = handle.closest('.kd-labelled')?.querySelector('label');
  if (label) handle.setAttribute('aria-label', label.textContent);
});
const begin = tries => {
  const page = element.closest('.kd-page');
  if (!page) { if (tries) setTimeout(begin, 100, tries - 1); return; }
  page.addEventListener('focusin', ({target}) =>
    target.setAttribute('data-lm-suppress-shortcuts', 'true'));
  page.querySelectorAll('.kd-live').forEach(e => e.setAttribute('role', 'status'));
  page.querySelectorAll('.kd-group').forEach(e => {
    e.setAttribute('role', 'group');
    e.setAttribute('aria-label', e.querySelector('.kd-head')?.textContent ?? '');
  });
  new MutationObserver(() => name(page)).observe(page, {childList: true, subtree: true});
  name(page);
};
begin(100);
"""


def behaviour() -> list[widgets.Widget]:
    """What a page needs once: its style, and the names that ipywidgets does not give."""
    script = {"application/javascript": SCRIPT, "text/plain": ""}
    run = {"output_type": "display_data", "data": script, "metadata": {}}
    return [widgets.HTML(STYLE), widgets.Output(outputs=(run,), layout={"height": "0"})]


def labelled(control: widgets.Widget) -> widgets.Widget:
    """The control with its description above, as wide as its column."""
    control.layout.width = "auto"
    return control.add_class(LABELLED)


def group(title: str, *controls: widgets.Widget) -> widgets.VBox:
    """Controls that belong together, under a title."""
    head = widgets.HTML(f"<div class='kd-head'>{title}</div>")
    return widgets.VBox([head, *controls]).add_class(GROUP)


def boxes(words: str, *controls: widgets.Widget) -> widgets.VBox:
    """Boxes to tick in a row, under what they are."""
    return widgets.VBox([widgets.Label(words), widgets.HBox(controls)]).add_class(BOXES)


def live_text() -> widgets.HTML:
    """Words that a screen reader says when they change."""
    return widgets.HTML().add_class("kd-live")


def figures(*columns: str) -> str:
    """Pictures beside each other, as large as there is room, one below the other on a phone."""
    return f"<div class='kd-figures'>{''.join(f'<div>{part}</div>' for part in columns)}</div>"
