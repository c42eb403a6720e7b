"""Write constraints.txt: the versions installed now, to be run after all tests passed with them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

# What the direct dependencies bring that can break the course by a new release.
STACK = """contourpy fonttools ipython joblib jupyter-client jupyter-core jupyter-server
jupyterlab-server jupyterlab-widgets matplotlib-inline nbconvert pandas pillow playwright pyzmq
threadpoolctl tornado traitlets widgetsnbextension"""

HEAD = """\
# The versions that the course was tested with; `make` installs them (pip install -c).
# To get the newest ones instead: make lab CONSTRAINTS=
# Some of these do not exist for Python 3.10, where pip chooses freely.
# Written by: python tools/write_constraints.py
"""


def names() -> list[str]:
    """The direct dependencies of the package, extras included, and the stack below them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    lines = project["dependencies"] + [line for extra in extras for line in extra]
    direct = {Requirement(line).name for line in lines} - {project["name"]}
    return sorted(direct | set(STACK.split()), key=str.lower)


def line(name: str) -> str:
    """One constraint; a build's mark (`+cpu`) is no part of the version."""
    return f'{name}=={version(name).split("+")[0]}; python_version >= "3.11"'


if __name__ == "__main__":
    text = HEAD + "\n".join(map(line, names())) + "\n"
    (ROOT / "constraints.txt").write_text(text, encoding="utf-8")
