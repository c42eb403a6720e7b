"""What students get holds no answer, and works."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jupytext
import nbformat
import pytest

import hand_out
from build_notebooks import ANSWER, FORMAT, SOURCES

ROOT = hand_out.ROOT

# Lines of answers that a lesson shows on purpose, and where. Anything else is a leak.
SHOWN = {
    "generator = torch.Generator().manual_seed(0)": "02_hinton_distillation",
    # The same loss with all sources, in the cell that introduces it.
    "label = lab.hard_loss(student_logits, labels)": "06_teacher_assistants",
    "return len(source_logits) * (1 - weight) * label + weight * soft": "06_teacher_assistants",
}
SHORTEST = 12  # characters without spaces; "return n" tells nothing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hand_out.hand_out(ROOT, tmp_path_factory.mktemp("made") / "hand-out")


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def answers() -> list[str]:
    """The body of every answer in the sources, and every cell that only the solutions have."""
    found = []
    for path in sorted(SOURCES.glob("*.py")):
        text = path.read_text()
        found += [match["answer"] for match in ANSWER.finditer(text)]
        cells = jupytext.reads(text, fmt=FORMAT).cells
        found += [cell.source for cell in cells if "solution" in cell.metadata.get("tags", [])]
    assert len(found) > 15
    return found


def answer_lines() -> set[str]:
    lines = {line.strip() for answer in answers() for line in answer.splitlines()}
    return {line for line in lines if len(squeezed(line)) >= SHORTEST}


def said_by(notebook: Path) -> str:
    """Everything in a notebook that a reader sees: cells, and what they printed."""
    cells = nbformat.read(notebook, 4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [f"{o.get('text', '')}{o.get('data', {}).get('text/plain', '')}" for o in outputs]
    return squeezed("\n".join([*(cell.source for cell in cells), *printed]))


def test_no_notebook_holds_an_answer_or_a_line_of_one(folder):
    lines, found = answer_lines(), {}
    assert len(lines) > 40
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        said = said_by(path)
        assert said and not [answer for answer in answers() if squeezed(answer) in said], path
        found |= {line: path.stem for line in lines if squeezed(line) in said}
    assert found == SHOWN


def test_no_file_holds_a_whole_answer_or_a_mark_of_one(folder):
    bodies, read = [squeezed(answer) for answer in answers()], 0
    for path in folder.rglob("*"):
        if not path.is_file() or "runs" in path.parts:
            continue
        try:
            text = squeezed(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:  # a picture, or images
            continue
        read += 1
        assert "#endsolution" not in text, path
        assert not [body for body in bodies if body in text], path
    assert read > 100


def test_it_has_what_a_student_needs_and_nothing_else(folder):
    there = {path.name for path in folder.iterdir()}
    needed = {"README.md", "Makefile", "pyproject.toml", "constraints.txt", "LICENSE", "notebooks"}
    assert needed < there and not {"tests", "docs", "CONTRIBUTING.md", "benchmarks"} & there
    assert {p.name for p in (folder / "tools").iterdir()} == {"run_course.py", "notebook_io.py"}
    notebooks = sorted(p.name for p in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(p.name for p in (folder / "notebooks").rglob("*.ipynb")) == notebooks
    assert (folder / "data" / "fashion-mnist" / "train-images-idx3-ubyte.gz").is_file()
    assert len(list((folder / "data" / "runs").rglob("*.safetensors"))) > 10
    with zipfile.ZipFile(folder.with_suffix(".zip")) as packed:
        names = {name for name in packed.namelist() if not name.endswith("/")}
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert names == {f"hand-out/{p.relative_to(folder).as_posix()}" for p in files}


def test_links_and_commands_that_are_spoken_of_are_there(folder):
    makefile = (folder / "Makefile").read_text()
    commands = {*re.findall(r"^(\w+):.*##", makefile, re.MULTILINE)}
    assert commands == {"lab", "course", "runs", "app"}
    notebooks = [nbformat.read(path, 4).cells for path in folder.glob("notebooks/*.ipynb")]
    prose = [c.source for cells in notebooks for c in cells if c.cell_type == "markdown"]
    pages = [(path.parent, path.read_text(encoding="utf-8")) for path in folder.rglob("*.md")]
    for place, text in [*pages, *((folder / "notebooks", text) for text in prose)]:
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            assert link.startswith("http") or (place / link).exists(), link
        assert {*re.findall(r"`make (\w+)", text)} <= commands, text
        for name in re.findall(r"\b(?:tools|tests|benchmarks)/[\w./]*", text):
            assert (folder / name).exists(), name


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_understands_the_commands(folder):
    for command in ("lab", "course", "runs", "app"):
        asked = ["make", "--dry-run", "-C", str(folder), command]
        made = subprocess.run(asked, capture_output=True, text=True)
        assert made.returncode == 0 and ".[app,lab]" in made.stdout, made.stderr


def test_a_notebook_runs_in_it(folder, tmp_path):
    there = tmp_path / "course"
    shutil.copytree(folder, there)
    environment = os.environ | {"PYTHONPATH": str(there), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(there / "tools" / "run_course.py"), "00"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and re.search(r"00_start_here .* ok", done.stdout), done.stderr
    assert (there / "out" / "notebooks" / "00_start_here.ipynb").is_file()


def test_a_hand_out_that_fails_leaves_the_one_before_and_says_why(tmp_path, monkeypatch):
    old = tmp_path / "hand-out" / "old.md"
    old.parent.mkdir()
    old.touch()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(RuntimeError, match="expected a clone of the course's repository"):
        hand_out.hand_out(tmp_path, old.parent)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"got no git .* install git and try again"):
        hand_out.hand_out(ROOT, old.parent)
    assert [p.name for p in tmp_path.iterdir()] == ["hand-out"] and old.is_file()
    monkeypatch.undo()
    hand_out.hand_out(ROOT, old.parent)
    assert not old.exists() and (old.parent / "README.md").is_file()
