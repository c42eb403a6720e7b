"""No file that a module of the package reads can run code when it is read."""

import ast
from pathlib import Path

import pytest

import kd_helpers

SOURCES = sorted(Path(kd_helpers.__file__).parent.rglob("*.py"))
UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
LOADERS = {"torch.load", "np.load", "numpy.load", "joblib.load", "pandas.read_pickle"}


def loads_code(source: str) -> bool:
    """Whether a module imports one that unpickles, or uses a function that does."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            used.add(ast.unparse(node))
    return bool(used & LOADERS or {name.split(".")[0] for name in used} & UNPICKLERS)


FAULTY = (
    "import pickle",
    "from pickle import loads",
    "from pickle import *",
    "import torch\ntorch.load('a')",
    "from torch import load",
    "import numpy as np\nnp.load('a', allow_pickle=True)",
)


@pytest.mark.parametrize("source", FAULTY)
def test_a_module_that_loads_code_is_caught(source):
    assert loads_code(source)


@pytest.mark.parametrize("path", SOURCES, ids=[path.name for path in SOURCES])
def test_no_module_unpickles(path):
    """CIFAR is published as pickles; the one module that reads it has an unpickler without code."""
    assert path.name == "cifar_svhn.py" or not loads_code(path.read_text())
