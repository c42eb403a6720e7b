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
    "generator = torch.Generator().manual_seed(0)": "02_hinton_distillation.ipynb",
    # The same loss with all sources, in the cell that introduces it.
    "return len(source_logits) * (1 - weight) * label + weight * soft": "06_teacher_assistants.ipynb",
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
    printed = [
        str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    ]
    return squeezed("\n".join([*(cell.source for cell in cells), *printed]))


def texts(folder: Path, pattern: str) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in folder.rglob(pattern)}


def test_no_notebook_holds_an_answer_or_a_line_of_one(folder):
    lines = answer_lines()
    assert len(lines) > 40
    found = {}
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        said = said_by(path)
        assert said and not [answer for answer in answers() if squeezed(answer) in said], path
        found |= {line: path.name for line in lines if squeezed(line) in said}
    assert found == SHOWN


def test_no_file_holds_a_whole_answer_or_a_mark_of_one(folder):
    bodies = [squeezed(answer) for answer in answers()]
    files = [p for p in folder.rglob("*") if p.is_file() and p.parent.name != "runs"]
    read = 0
    for path in files:
        try:
            text = squeezed(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:  # a picture, or images
            continue
        read += 1
        assert "#endsolution" not in text, path
        assert not [body for body in bodies if body in text], path
    assert read > 100


def test_every_notebook_is_there_and_its_cells_compile(folder):
    names = [Path(name) for name in hand_out.committed(ROOT)]
    here = sorted(n.name for n in names if n.parent == Path("notebooks") and n.suffix == ".ipynb")
    there = sorted((folder / "notebooks").rglob("*.ipynb"))
    assert [path.name for path in there] == here and len(here) >= 9
    for path in there:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                compile(cell.source, str(path), "exec")


def pages(folder) -> dict[Path, str]:
    """What a student reads: Markdown files, and the prose of notebooks."""
    found = texts(folder, "*.md")
    for path in (folder / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, 4).cells
        found[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return found


def test_links_lead_to_files_that_are_there(folder):
    count = 0
    for path, text in pages(folder).items():
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not link.startswith("http"):
                count += 1
                assert (path.parent / link).exists(), f"{path.name}: {link}"
    assert count >= 10
    readme = (folder / "README.md").read_text()
    assert not re.search("solutions|pytest|git clone", readme) and "make lab" in readme


def test_commands_and_tools_that_are_spoken_of_are_there(folder):
    makefile = (folder / "Makefile").read_text()
    commands = {*re.findall(r"^(\w+):.*##", makefile, re.MULTILINE)}
    assert {"lab", "course"} <= commands
    for path, text in [*pages(folder).items(), (folder / "Makefile", makefile)]:
        # in prose only between backquotes: "to make small differences" is no command
        spoken = re.findall(r"`make (\w+)", text) + re.findall(r"^make (\w+)", text, re.MULTILINE)
        assert {*spoken} <= commands, path
        for name in re.findall(r"\b(?:tools|tests|benchmarks)/[\w./]*", text):
            assert (folder / name).exists(), f"{path.name}: {name}"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("command", ("lab", "course", "runs", "app"))
def test_make_understands_the_commands(command, folder):
    asked = ["make", "--dry-run", "-C", str(folder), command]
    made = subprocess.run(asked, capture_output=True, text=True)
    assert made.returncode == 0 and hand_out.FEW_EXTRAS in made.stdout, made.stderr
    assert subprocess.run([*asked[:-1], "test"], capture_output=True).returncode != 0


def test_a_notebook_runs_in_it(folder, tmp_path):
    there = tmp_path / "course"
    shutil.copytree(folder, there)
    environment = os.environ | {"PYTHONPATH": str(there), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(there / "tools" / "run_course.py"), "00"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and re.search(r"00_start_here .* ok", done.stdout), done.stderr
    assert (there / "out" / "notebooks" / "00_start_here.ipynb").is_file()


def test_nothing_speaks_of_the_place_of_the_answers(folder):
    assert not [path for path, text in pages(folder).items() if "notebooks/solutions" in text]


def test_the_zip_is_the_folder(folder):
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    with zipfile.ZipFile(folder.with_suffix(".zip")) as packed:
        assert sorted(packed.namelist()) == sorted(f"hand-out/{name}" for name in files)
        for name, path in files.items():
            assert packed.read(f"hand-out/{name}") == path.read_bytes(), name


def test_what_the_commands_need_is_in_it(folder):
    makefile = (folder / "Makefile").read_text()
    for name in ("run_course.py", "notebook_io.py"):
        assert (folder / "tools" / name).is_file()
    assert "tools/run_course.py" in makefile
    assert len(list((folder / "data" / "runs").glob("*/runs.csv"))) == 6
    assert (folder / "data" / "fashion-mnist" / "train-images-idx3-ubyte.gz").is_file()


@pytest.fixture
def small(tmp_path):
    """A repository with the files that are rewritten, and one that is not committed."""
    repository = tmp_path / "course"
    (repository / "notebooks" / "src").mkdir(parents=True)
    (repository / "README.md").write_text(
        f"Answers to the exercises: `notebooks/solutions/`.\n{hand_out.END}\n"
    )
    (repository / "Makefile").write_text(f"lab:  ## read\n\tpip install {hand_out.ALL_EXTRAS}\n")
    (repository / "notebooks" / "00_start_here.ipynb").write_text(hand_out.WHERE)
    (repository / "notebooks" / "src" / "00_start_here.py").write_text("# solution")
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    (repository / "notes.md").write_text("not committed")
    return repository


def test_what_was_made_before_is_gone(small, tmp_path):
    target = tmp_path / "hand-out"
    target.mkdir()
    (target / "old.md").write_text("of the last time")
    hand_out.hand_out(small, target)
    names = sorted(path.name for path in target.rglob("*") if path.is_file())
    assert names == ["00_start_here.ipynb", "Makefile", "README.md"]


def test_a_hand_out_that_fails_leaves_the_one_before(small, tmp_path):
    target = hand_out.hand_out(small, tmp_path / "hand-out")
    before = target.with_suffix(".zip").read_bytes()
    (small / "README.md").write_text("changed")
    with pytest.raises(RuntimeError, match=r"README.md: expected .*adapt tools/hand_out.py"):
        hand_out.hand_out(small, target)
    assert "Your lecturer has the answers." in (target / "README.md").read_text()
    assert target.with_suffix(".zip").read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"course", "hand-out", "hand-out.zip"}


def test_without_a_repository_it_says_so(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    with pytest.raises(RuntimeError, match="expected a clone of the course's repository"):
        hand_out.hand_out(tmp_path, tmp_path / "out")


def test_without_git_it_says_so(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"got no git .* install git and try again"):
        hand_out.hand_out(small, tmp_path / "out")
