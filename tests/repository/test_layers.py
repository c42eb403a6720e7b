"""Imports run down the floors of the house only, and never in a circle."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = (  # from the ground up; rooms of one floor may see each other, as long as no circle closes
    {"kd_helpers.runtime"},
    {"kd_helpers.data"},
    {"kd_helpers.models"},
    {"kd_helpers.methods", "kd_helpers.teachers"},
    {"kd_helpers.training"},
    {"kd_helpers.experiments"},
    {"kd_helpers.export"},
    {"kd_helpers.widgets"},
    {"kd_helpers"},
    {"kd_course", "kd_course.claims", "kd_course.common", "kd_course.progress"},
    {"kd_course.answer_pictures", "kd_course.exercises"},
    {"kd_course.nb01"},  # a chapter sees earlier chapters only
    {"kd_course.nb02", "kd_course.settings"},
    *({f"kd_course.nb{number:02d}"} for number in range(3, 20)),
    {"kd_course.catalogue"},
    {"kd_course.checkup", "kd_course.export_run", "kd_course.own_data", "kd_course.retrain"},
    {"kd_course.cli"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    paths = [path for top in ("kd_helpers", "kd_course") for path in (ROOT / top).rglob("*.py")]
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


MODULES = modules()


def imported(path: Path) -> set[str]:
    """Our modules that a file imports: anywhere in it, for type hints alone too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            }
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & MODULES.keys()


IMPORTS = {name: imported(path) - {name} for name, path in MODULES.items()}


def floor(module: str) -> int:
    """The floor of a module: of its folder, or of a chapter by its number."""
    room = ".".join(module.split(".")[:2])
    return FLOOR_OF[re.sub(r"(\.nb\d\d)_.*", r"\1", room)]


def test_imports_run_down_only():
    edges = [(a, b) for a, targets in IMPORTS.items() for b in targets]
    assert [(a, b) for a, b in edges if floor(b) > floor(a)] == []


def test_imports_close_no_circle():
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError, which names the modules


LAZY = """
import sys
import kd_helpers
assert "torch" not in sys.modules, "import kd_helpers loads PyTorch"
from kd_helpers import kd_loss
loaded = [name for name in sys.modules if name.startswith(("kd_helpers.experiments", "kd_course"))]
assert not loaded, loaded
"""


def test_the_package_loads_what_is_asked_for_and_no_more():
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
