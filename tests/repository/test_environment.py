"""The files that say what to install agree: pyproject.toml, environment.yml, constraints.txt."""

from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, where pytest brings tomli
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"pytorch": "torch"}  # conda's name -> pip's
NOT_IN_PYPROJECT = {"python", "pip"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def in_pyproject() -> dict[str, Requirement]:
    """The package's direct dependencies, those of its extras included."""
    extras = PROJECT["optional-dependencies"].values()
    lines = PROJECT["dependencies"] + [line for extra in extras for line in extra]
    found = {Requirement(line).name: Requirement(line) for line in lines}
    found.pop("kd-helpers", None)  # an extra that includes another one
    return found


def in_environment() -> dict[str, Requirement]:
    """The packages of environment.yml, conda's and pip's, under pip's names."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str)]
    pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    found = [Requirement(line) for line in conda + pip if not line.startswith("-e")]
    return {CONDA_NAMES.get(item.name, item.name): item for item in found}


def in_constraints() -> dict[str, Requirement]:
    """The versions tested, by name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    return {item.name: item for item in found}


def test_environment_has_the_packages_of_pyproject():
    assert set(in_environment()) - NOT_IN_PYPROJECT == set(in_pyproject())


def test_environment_installs_the_course_itself():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert any("-e ." in entry["pip"] for entry in entries if isinstance(entry, dict))


def test_python_is_the_same_in_both():
    assert str(in_environment()["python"].specifier) == PROJECT["requires-python"]


@pytest.mark.parametrize("name", in_pyproject())
def test_lower_bounds_are_the_same(name):
    assert in_environment()[name].specifier == in_pyproject()[name].specifier


@pytest.mark.parametrize("name", in_pyproject())
def test_pyproject_has_lower_bounds_only(name):
    """Upper pins break hosted notebooks (Colab) with every update of theirs."""
    assert [part.operator for part in in_pyproject()[name].specifier] == [">="]


@pytest.mark.parametrize("name", in_pyproject())
def test_the_tested_version_is_allowed(name):
    tested = in_constraints().get(name)
    assert tested, f"{name} is not in constraints.txt: run tools/write_constraints.py"
    [version] = [part.version for part in tested.specifier]
    assert in_pyproject()[name].specifier.contains(version)


@pytest.mark.parametrize("name", in_constraints())
def test_constraints_leave_older_pythons_alone(name):
    """Some tested releases do not exist for Python 3.10."""
    constraint = in_constraints()[name]
    assert [part.operator for part in constraint.specifier] == ["=="]
    assert str(constraint.marker) == 'python_version >= "3.11"'
