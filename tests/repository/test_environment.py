"""The files that say what to install agree: pyproject.toml, environment.yml, constraints.txt."""

from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, where pytest brings tomli
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENTRIES = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
CONDA_NAMES = {"pytorch": "torch"}  # conda's name -> pip's


def in_pyproject() -> dict[str, SpecifierSet]:
    """The package's direct dependencies, those of its extras included."""
    extras = PROJECT["optional-dependencies"].values()
    lines = PROJECT["dependencies"] + [line for extra in extras for line in extra]
    found = {Requirement(line).name: Requirement(line).specifier for line in lines}
    found.pop("kd-helpers", None)  # an extra that includes another one
    return found


def in_environment() -> dict[str, SpecifierSet]:
    """The versions in environment.yml, of conda's packages and pip's, under pip's names."""
    conda = [entry for entry in ENTRIES if isinstance(entry, str)]
    found = [Requirement(line) for line in conda + by_pip() if not line.startswith("-e")]
    return {CONDA_NAMES.get(item.name, item.name): item.specifier for item in found}


def by_pip() -> list[str]:
    return [line for entry in ENTRIES if isinstance(entry, dict) for line in entry["pip"]]


def test_environment_has_the_packages_of_pyproject_with_the_same_lower_bounds():
    conda, pip = in_environment(), in_pyproject()
    assert str(conda.pop("python")) == PROJECT["requires-python"]
    conda.pop("pip")
    assert conda == pip and "-e ." in by_pip()


def test_bounds_are_lower_ones_and_allow_the_tested_version():
    """Upper pins break hosted notebooks (Colab) with every update of theirs."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {Requirement(x).name: Requirement(x) for x in lines if not x.startswith("#")}
    for name, bounds in in_pyproject().items():
        assert [part.operator for part in bounds] == [">="]
        assert name in tested, f"{name}: run tools/write_constraints.py"
        [pin] = tested[name].specifier
        assert bounds.contains(pin.version), name
    for constraint in tested.values():  # some tested releases do not exist for Python 3.10
        assert [part.operator for part in constraint.specifier] == ["=="]
        assert str(constraint.marker) == 'python_version >= "3.11"'
