"""A picture that answers in the page itself: no kernel, no network, nothing to install.

Its output is HTML with a script, which JupyterLab runs in a notebook that is trusted or was run,
and which Voilà and the static site take as it is. Elsewhere the still picture inside stays.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from matplotlib.figure import Figure

from kd_helpers.widgets.still import png


@dataclass(frozen=True)
class Alive:
    """Display it as the last value of a cell.

    Args:
        script: the body of a JavaScript function of `box`, the element to draw into, and `data`.
        data: what it draws, as JSON can say it.
        still: the picture before the script runs. alt: the same in words.
    """

    script: str
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
            # In JupyterLab keys would otherwise run its shortcuts: "m" makes a cell Markdown.
            '<div class="kd-alive" data-lm-suppress-shortcuts="true">'
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{self.picture}"></div>'
            "<script>(function (box, data) {\n"
            f"{self.script}\n"
            f"}})(document.currentScript.previousElementSibling, {data});</script>"
        )

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        forms = {"text/html": self.html(), "image/png": self.picture, "text/plain": self.alt}
        return forms, {"image/png": {"alt": self.alt}}


def packed(values: Any) -> str:
    """An array of uint8 as base64, its rows one after the other."""
    return base64.b64encode(values.tobytes()).decode()
