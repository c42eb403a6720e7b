"""A picture that answers in the page itself: no kernel, no network, nothing to install.

Its output is HTML with a script, which JupyterLab runs in a notebook that is trusted or was run,
and which Voilà and the static site take as it is. Elsewhere the still picture inside stays.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from kd_helpers.widgets.still import png

SIDE, QUALITY = 20, 10  # of a thumbnail, in pixels and as WebP counts it: 2,000 of them are 100 kB
# Keys on a control would else run JupyterLab's shortcuts: an arrow selects another cell. The mark
# has to be on the control itself, because their selectors look first at what has the focus.
NO_SHORTCUTS = """for (const control of box.querySelectorAll("input, button, [tabindex]")) {
  control.setAttribute("data-lm-suppress-shortcuts", "true");
}"""


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

    @cached_property
    def picture(self) -> str:
        return base64.b64encode(png(self.still)).decode()

    def html(self) -> str:
        """The box, and after it the script, which finds the box by that."""
        data = json.dumps(self.data, ensure_ascii=False).replace("</", "<\\/")
        return (
            '<div class="kd-alive">'
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{self.picture}"></div>'
            "<script>(function (box, data) {\n"
            f"{self.script.read_text(encoding='utf-8')}\n"
            f"{NO_SHORTCUTS}\n"
            f"}})(document.currentScript.previousElementSibling, {data});</script>"
        )

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        forms = {"text/html": self.html(), "image/png": self.picture, "text/plain": self.alt}
        return forms, {"image/png": {"alt": self.alt}}


def packed(values: np.ndarray) -> str:
    """An array of uint8 as base64, its rows one after the other."""
    return base64.b64encode(values.tobytes()).decode()


def thumbnails(images: np.ndarray) -> str:
    """(N, H, W) uint8 → one picture of all, 50 in a row, as a data address."""
    small = [
        np.asarray(Image.fromarray(i).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        for i in images
    ]
    small += [np.zeros((SIDE, SIDE), np.uint8)] * (-len(small) % 50)
    sheet = np.stack(small).reshape(-1, 50, SIDE, SIDE).transpose(0, 2, 1, 3)
    written = io.BytesIO()
    picture = Image.fromarray(sheet.reshape(-1, 50 * SIDE))
    picture.save(written, format="webp", quality=QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode()
