"""README.md says what the stored runs say, and every file that it names is there."""

import re

import readme_results


def test_results_are_those_of_the_stored_runs():
    text = readme_results.README.read_text(encoding="utf-8")
    (written,) = readme_results.MARKS.findall(text)
    assert written == readme_results.results(), "run `python tools/readme_results.py`"


def test_speeds_are_those_of_the_last_published_measurement():
    text = readme_results.README.read_text(encoding="utf-8")
    (written,) = readme_results.SPEED_MARKS.findall(text)
    assert written == readme_results.speed(), "run `python tools/readme_results.py`"


def test_every_link_to_a_file_leads_somewhere():
    text = readme_results.README.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    for link in links:
        assert (readme_results.README.parent / link).exists(), f"README.md links to {link}"


def test_documents_name_every_notebook_every_file_of_the_package_and_commands_that_exist():
    root = readme_results.README.parent
    readme, teaching = (root / "README.md").read_text(), (root / "docs/teaching.md").read_text()
    makefile = (root / "Makefile").read_text()
    for path in (root / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{path.name})" in readme
        assert f"| {path.stem[:2]} " in teaching
    for path in (root / "kd_helpers").glob("[!_]*.py"):
        assert f"`{path.name}`" in readme, path.name
    for target in re.findall(r"`?make ([a-z]+)", readme + teaching):
        assert re.search(rf"^{target}:", makefile, re.M), f"make {target}"
    assert "Planned" not in readme
