"""Build a deck of each notebook's cells tagged `slide`, out/slides/ (`make slides`).

A tagged prose cell begins a slide; tagged code cells after it join it, with what they show, or with
their code where they show nothing. A deck is one file that opens offline; the explorers of
`make site` are alive in it.
"""

from __future__ import annotations

import html
import shutil
from pathlib import Path

from nbformat import NotebookNode

from build_site import as_html, take_out, title_of, write, write_glossary
from notebook_io import NOTEBOOKS, ROOT, read

SLIDES = ROOT / "out" / "slides"
CONTROLS = (
    "<nav aria-label='slides'><button type='button' data-step='-1' aria-label='back'>‹</button>"
    "<output aria-live='polite'></output>"
    "<button type='button' data-step='1' aria-label='forward'>›</button><progress></progress></nav>"
)


def build(folder: Path, live: bool = True) -> list[Path]:
    """Write the decks anew; live: with explorers that answer."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    titles = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = read(path)
        slides = slides_of(notebook)
        if slides:
            titles[path.stem] = title_of(notebook)
            kept = take_out(notebook, path.stem, live)
            body = "".join(f"<section>{slide_html(cells, kept)}</section>" for cells in slides)
            deck = f"<main>{body}</main>{CONTROLS}"
            write(folder / path.with_suffix(".html").name, titles[path.stem], deck, "slides")
    write_glossary(folder, titles)
    listed = "".join(f"<li><a href='{n}.html'>{html.escape(t)}</a></li>" for n, t in titles.items())
    write(folder / "index.html", "Slides", f"<h1>Slides</h1><ul>{listed}</ul>")
    return sorted(folder.glob("*.html"))


def slides_of(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """The tagged cells, those of one slide together."""
    slides: list[list[NotebookNode]] = []
    for cell in notebook.cells:
        if "slide" in cell.metadata.get("tags", []):
            if cell.cell_type == "markdown" or not slides:
                slides.append([])
            slides[-1].append(cell)
    return slides


def slide_html(cells: list[NotebookNode], kept: dict[str, str]) -> str:
    return "".join(as_html([cell], kept, code=not cell.get("outputs")) for cell in cells)


if __name__ == "__main__":
    for made in build(SLIDES):
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1000:.0f} kB")
