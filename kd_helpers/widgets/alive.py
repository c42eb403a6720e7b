"""A picture that answers in the page itself: no kernel, no network, nothing to install.

Its output is HTML with a script, which JupyterLab runs in a notebook that is trusted or was run,
and which Voilà and the static site take as it is. Elsewhere the still picture inside stays.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from kd_helpers.widgets.still import png

SIDE, QUALITY = 18, 10  # of a thumbnail, in pixels and as WebP counts it: 2,000: 85 kB
STYLE = Path(__file__).with_name("alive.css").read_text(encoding="utf-8")  # what all have alike
# Keys on a control would else run JupyterLab's shortcuts: an arrow selects another cell. The mark
# has to be on the control itself, because their selectors look first at what has the focus. The
# second part does it for the page's ipywidgets, whose dropdowns and sliders have the same trouble.
NO_SHORTCUTS = """for (const control of box.querySelectorAll("input, button, [tabindex]")) {
  control.setAttribute("data-lm-suppress-shortcuts", "true");
}
window.kdQuiet ??= document.addEventListener("focusin", ({target}) => {
  if (target.closest(".jupyter-widgets"))
    target.setAttribute("data-lm-suppress-shortcuts", "true");
}) ?? true;"""


@dataclass(frozen=True)
class Alive:
    """Display it as the last value of a cell.

    Args:
        script: a file with the body of a JavaScript function of `box`, the element to draw into,
            and `data`.
        data: what it draws, as JSON can say it.
        still: the picture before the script runs. alt: the same in words.
    """

    script: Path
    data: dict[str, Any]
    still: Figure
    alt: str

    def html(self) -> str:
        still = as_address(Image.open(io.BytesIO(png(self.still))), quality=60)
        box = f'<div class="kd-alive"><img alt="{escape(self.alt)}" src="{still}"></div>'
        return f"<style>{STYLE}</style>{live(box, self.script, self.data)}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}


def live(box: str, script: Path, data: dict[str, Any]) -> str:
    """An element as HTML, and after it the script, which finds the element by that."""
    facts = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return (
        f"{box}<script>(function (box, data) {{\n"
        f"{short(script.read_text(encoding='utf-8'))}\n"
        f"{NO_SHORTCUTS}\n"
        f"}})(document.currentScript.previousElementSibling, {facts});</script>"
    )


def short(script: str) -> str:
    """The script without indentation and lines of comment: it is stored with every output."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if not line.startswith("//"))


def packed(values: np.ndarray) -> str:
    """An array of bytes as base64, its rows one after the other."""
    return base64.b64encode(values.tobytes()).decode()


def thumbnails(images: np.ndarray, side: int = SIDE, *, lossless: bool = False) -> str:
    """(N, H, W) uint8 → one picture of all, 50 in a row, as a data address."""
    small = [
        np.asarray(Image.fromarray(i).resize((side, side), Image.Resampling.LANCZOS))
        for i in images
    ]
    small += [np.zeros((side, side), np.uint8)] * (-len(small) % 50)
    sheet = np.stack(small).reshape(-1, 50, side, side).transpose(0, 2, 1, 3)
    picture = Image.fromarray(sheet.reshape(-1, 50 * side))
    return as_address(picture, quality=QUALITY, lossless=lossless)


def as_address(picture: Image.Image, **how: Any) -> str:
    """A picture in WebP as a data address; `how` as Pillow takes it."""
    written = io.BytesIO()
    picture.convert("RGB").save(written, format="webp", method=6, **how)
    return "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode()
