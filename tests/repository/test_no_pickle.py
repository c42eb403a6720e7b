"""No file that a module of the package reads can run code when it is read.

The one exception, CIFAR's published archives, is torchvision's to read, after their checksum
(tests/data/test_published.py).
"""

import ast
from pathlib import Path

import kd_helpers

PACKAGE = Path(kd_helpers.__file__).parent
UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
LOADERS = {"torch.load", "np.load", "numpy.load", "joblib.load", "pandas.read_pickle"}
SAFE = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def loads_code(source: str) -> bool:
    """Whether a module imports one that unpickles, or uses a function that does."""
    used, tree = set(), ast.parse(source)
    safe = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and is_safe(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and node not in safe:
            used.add(ast.unparse(node))
    return bool(used & LOADERS or {name.split(".")[0] for name in used} & UNPICKLERS)


def is_safe(call: ast.Call) -> bool:
    name, value = SAFE.get(ast.unparse(call.func), ("", None))
    said = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return any(isinstance(node, ast.Constant) and node.value is value for node in said)


def test_no_module_unpickles():
    for faulty in (
        "import pickle",
        "from pickle import *",
        "import torch\ntorch.load('a')",
        "import torch\ntorch.load('a', weights_only=False)",
        "from torch import load",
        "import numpy as np\nnp.load('a', allow_pickle=True)",
    ):
        assert loads_code(faulty), faulty
    assert not loads_code("import torch\ntorch.load('a', weights_only=True)")
    for path in PACKAGE.rglob("*.py"):
        assert not loads_code(path.read_text()), path
