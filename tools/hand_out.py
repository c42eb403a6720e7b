"""Make the course as students get it, without the answers: out/hand-out/ and out/hand-out.zip.

Everything that is committed, but for the solutions, the sources that hold them, tests, and what is
for lecturers and authors. Its Makefile has only the commands that work there: lab, course, runs,
app.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (
    "notebooks/solutions/",
    "notebooks/src/",
    "tests/",
    "benchmarks/",
    ".ci/",
    "docs/architecture.md",
    "docs/flow.svg",
    "docs/measured.md",
    "docs/running.md",
    "docs/teaching.md",
    "tools/build_notebooks.py",
    "tools/hand_out.py",
    "tools/readme_results.py",
    "tools/build_site.py",
    "tools/site/",
    "tools/site_explorers.py",
    "tools/write_constraints.py",
    "CONTRIBUTING.md",
    ".pre-commit-config.yaml",
)
WHERE = "The answers are in `notebooks/solutions/`."
NOW = "Your lecturer has the answers."
NOT_THERE = ("pytest", "git clone", "cd <its folder>")  # words of lines
END = "**For lecturers:**"  # the README of the hand-out stops before it
TARGET = re.compile(r"^(\w+):.*##", re.MULTILINE)
ALL_EXTRAS, FEW_EXTRAS = ".[lab,test]", ".[app,lab]"  # what pip installs here, and there


def main() -> int:
    try:
        folder = hand_out(ROOT, ROOT / "out" / "hand-out")
    except (RuntimeError, OSError) as problem:
        print(f"hand_out: {problem}", file=sys.stderr)
        return 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder} and {folder.with_suffix('.zip')}: {len(files)} files, {megabytes:.0f} MB")
    return 0


def hand_out(root: Path, folder: Path) -> Path:
    """Write the folder and a zip beside it; those of before stay until the new ones are whole.

    Raises:
        RuntimeError: `root` is no git repository, or a text that has to be changed is not there.
    """
    names = [name for name in committed(root) if not name.startswith(LEFT_OUT)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    archive, packed = folder.with_suffix(".zip"), draft.with_suffix(".zip")
    try:
        copy(names, root, draft)
        rewrite(draft / "README.md", short_readme)
        rewrite(draft / "Makefile", short_makefile)
        rewrite(draft / "notebooks" / "00_start_here.ipynb", without_place_of_answers)
        pack(draft, packed, folder.name)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)
        os.replace(packed, archive)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        packed.unlink(missing_ok=True)
    return folder


def copy(names: list[str], root: Path, folder: Path) -> None:
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)


def committed(root: Path) -> list[str]:
    """The names of all files in the repository, as they were committed or changed since."""
    asked = ["git", "-C", str(root), "ls-files", "-z"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError(
            "got no git on this machine; expected it, because it knows which files belong to the "
            "course: install git and try again"
        ) from None
    if found.returncode or not found.stdout:
        raise RuntimeError(
            f"got no list of files from git ({found.stderr.strip() or 'nothing is committed'}); "
            "expected a clone of the course's repository: an unpacked archive does not know which "
            "files belong to it"
        )
    return [name for name in found.stdout.split("\0") if name and (root / name).is_file()]


def rewrite(path: Path, change) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def short_readme(text: str) -> str:
    """What a student needs of the README: what it is, how to start, the list of notebooks."""
    head, mark, _ = text.partition(END)
    answers = "Answers to the exercises: `notebooks/solutions/`."
    if not mark or answers not in head:
        raise RuntimeError(
            f"README.md: expected {answers!r} before {END!r}; adapt tools/hand_out.py"
        )
    head = head.replace(answers, NOW).replace(" `make test` runs all tests.", "")
    head = head.replace(ALL_EXTRAS, FEW_EXTRAS)
    head = head.replace("3.10 or newer, git and make.", "3.10 or newer, and make.")
    lines = [line for line in head.splitlines() if not any(word in line for word in NOT_THERE)]
    return "\n".join(lines).rstrip() + "\n"


def short_makefile(text: str) -> str:
    """The commands whose tools are in the hand-out; what only tests and authors use is not
    installed.

    A command and its lines are one paragraph of the Makefile.
    """
    if ALL_EXTRAS not in text:
        raise RuntimeError(f"Makefile: expected {ALL_EXTRAS!r}; adapt tools/hand_out.py")
    missing = (*LEFT_OUT, "tests", "ruff")
    parts, gone = [], set()
    for part in text.split("\n\n"):
        target = TARGET.search(part)
        if target and any(place in part for place in missing):
            gone.add(target[1])
        else:
            parts.append(part)
    lines = "\n\n".join(parts).replace(ALL_EXTRAS, FEW_EXTRAS).splitlines()
    return "\n".join(without_words(line, gone) for line in lines if "tests/" not in line) + "\n"


def without_words(line: str, words: set[str]) -> str:
    """A line that lists commands (`.PHONY: …`, `lab test: export …`), without some of them."""
    if not line.startswith(".PHONY:") and ": export " not in line:
        return line
    return " ".join(word for word in line.split(" ") if word.rstrip(":") not in words)


def without_place_of_answers(text: str) -> str:
    if WHERE not in text:
        raise RuntimeError(f"notebook 00: expected {WHERE!r}; adapt tools/hand_out.py")
    return text.replace(WHERE, NOW)


def pack(folder: Path, archive: Path, name: str) -> None:
    """All files, under the folder's later name, in the order of their names."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, Path(name) / path.relative_to(folder))


if __name__ == "__main__":
    sys.exit(main())
