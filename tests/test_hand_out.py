"""What students get holds no answer, and works."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import nbformat
import pytest

import hand_out
from build_notebooks import ANSWER, SOURCES

ROOT = hand_out.ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hand_out.hand_out(ROOT, tmp_path_factory.mktemp("made") / "hand-out")


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def answers() -> list[str]:
    """The body of every answer in the sources."""
    found = [
        m["answer"]
        for path in sorted(SOURCES.glob("*.py"))
        for m in ANSWER.finditer(path.read_text())
    ]
    assert len(found) > 15
    return found  # fmt: skip


def texts(folder: Path, pattern: str) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in folder.rglob(pattern)}


def test_no_notebook_holds_an_answer_or_a_line_of_one(folder):
    sources = "".join(
        squeezed(cell.source)
        for path in (folder / "notebooks").glob("*.ipynb")
        for cell in nbformat.read(path, 4).cells
    )
    assert sources
    for answer in answers():
        assert squeezed(answer) not in sources


def test_no_file_holds_a_marked_answer_or_one_of_several_lines(folder):
    everything = {
        path: squeezed(text)
        for kind in ("*.py", "*.md", "*.ipynb", "*.toml")
        for path, text in texts(folder, kind).items()
    }
    long = [squeezed(answer) for answer in answers() if len(answer.strip().splitlines()) > 2]
    assert long
    for path, text in everything.items():
        assert "#endsolution" not in text, path
        assert not [answer for answer in long if answer in text], path  # fmt: skip


def test_every_notebook_is_there_and_its_cells_compile(folder):
    names = [Path(name) for name in hand_out.committed(ROOT)]
    here = sorted(n.name for n in names if n.parent == Path("notebooks") and n.suffix == ".ipynb")
    there = sorted((folder / "notebooks").rglob("*.ipynb"))
    assert [path.name for path in there] == here and len(here) >= 9
    for path in there:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                compile(cell.source, str(path), "exec")


def test_links_of_the_readme_lead_somewhere(folder):
    text = (folder / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert len(links) >= 9 and all((folder / link).exists() for link in links)
    assert not re.search("solutions|pytest|git clone", text) and "make lab" in text


def test_nothing_speaks_of_the_place_of_the_answers(folder):
    said = [
        path
        for path, text in texts(folder / "notebooks", "*.ipynb").items()
        if "notebooks/solutions" in text
    ]
    assert not said  # fmt: skip


def test_the_zip_is_the_folder(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip")) as packed:
        names = {name.removeprefix("hand-out/") for name in packed.namelist()}
        assert names == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        assert packed.read("hand-out/README.md") == (folder / "README.md").read_bytes()
        assert packed.testzip() is None


def test_what_the_commands_need_is_in_it(folder):
    makefile = (folder / "Makefile").read_text()
    for name in ("run_course.py", "notebook_io.py"):
        assert (folder / "tools" / name).is_file()
    assert "tools/run_course.py" in makefile
    assert len(list((folder / "data" / "runs").glob("*.json"))) > 1000
    assert (folder / "data" / "fashion-mnist" / "train-images-idx3-ubyte.gz").is_file()


def test_what_was_made_before_is_gone(tmp_path):
    repository, target = tmp_path / "course", tmp_path / "hand-out"
    (repository / "notebooks").mkdir(parents=True)
    (repository / "README.md").write_text(f"Answers to the exercises: `notebooks/solutions/`.\n{hand_out.END}\n")  # fmt: skip
    (repository / "notebooks" / "00_start_here.ipynb").write_text(hand_out.WHERE)
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    (repository / "notes.md").write_text("not committed")
    target.mkdir()
    (target / "old.md").write_text("of the last time")
    hand_out.hand_out(repository, target)
    assert sorted(p.name for p in target.rglob("*") if p.is_file()) == ["00_start_here.ipynb", "README.md"]  # fmt: skip
    (repository / "README.md").write_text("changed")
    with pytest.raises(RuntimeError, match=r"README.md: expected .*adapt tools/hand_out.py"):
        hand_out.hand_out(repository, target)


def test_without_a_repository_it_says_so(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    with pytest.raises(RuntimeError, match="expected a clone of the course's repository"):
        hand_out.hand_out(tmp_path, tmp_path / "out")
