"""What README.md and docs/ say: the stored numbers, paths and commands that exist, running code."""

import re
import shlex
from pathlib import Path

import kd_helpers
import readme_results
from kd_course.cli import make_parser
from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.settings import parse_grid
from kd_helpers import methods
from kd_helpers.methods.method import SoftMethod
from methods_table import ROWS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)#]+)")
PATH = re.compile(
    r"`((?:kd_helpers|kd_course|notebooks|tools|tests|benchmarks|docs)/[a-z0-9_./]*)`"
)


def test_measured_numbers_are_those_of_the_stored_runs_and_of_the_last_measurement():
    for page in readme_results.PAGES:
        text = page.read_text(encoding="utf-8")
        assert text == readme_results.fresh(page), "run `python tools/readme_results.py`"


def test_every_method_is_in_the_table_of_methods():
    kinds = {name for name in methods.__all__ if issubclass(getattr(methods, name), SoftMethod)}
    kinds -= {"Distillation", "Treatment", "Weighted"}
    assert {row.method for row in ROWS} == kinds


def test_every_link_and_every_path_leads_somewhere():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        links = [link for link in LINK.findall(text) if not link.startswith("http")]
        for place in [page.parent / link for link in links] + [
            ROOT / p for p in PATH.findall(text)
        ]:
            assert place.exists(), f"{page.name}: {place}"
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
            assert f"\n{target}:" in (ROOT / "Makefile").read_text(), f"{page.name}: make {target}"


def test_the_readme_is_short_and_names_every_notebook_and_every_folder():
    assert len(README.splitlines()) <= 150
    teaching = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{path.name})" in README and f"| {path.stem[:2]} " in teaching
    for path in (ROOT / "kd_helpers").glob("[a-z]*/"):
        assert f"\n  {path.name}/ " in README, path


def test_the_ten_lines_of_the_readme_run(monkeypatch):
    """The second recipe is that of the first with the course's teacher; nothing is trained here."""
    asked = []
    monkeypatch.setattr(
        kd_helpers, "load_or_train", lambda r: asked.append(r) or FakeRun(), raising=False
    )
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, {})
    alone, helped = asked
    assert (alone.seed, alone.transfer, alone.schedule) == (
        helped.seed,
        helped.transfer,
        helped.schedule,
    )
    assert alone.teachers == () and helped.teachers == (TEACHER,)


def test_commands_that_are_spoken_of_are_understood():
    found = []
    for page in PAGES:
        found += re.findall(r"(?:`|^)kd ([^`\n]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    for command in found:
        words = shlex.split(command.replace("NAME", "dgkd"), comments=True)
        if words[0] not in ("sweep", "train"):
            make_parser().parse_args(words)
        elif words[1:] and "…" not in command:
            assert parse_grid([word for word in words[1:] if "=" in word]), command
    assert len(found) > 15


class FakeRun:
    accuracy = 50.0
