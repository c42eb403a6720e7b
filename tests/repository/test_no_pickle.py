"""No file that a module of the package reads can run code when it is read.

The one exception, CIFAR's published archives, is torchvision's to read, after their checksum
(tests/data/test_published.py).
"""

import re
from pathlib import Path

import kd_helpers

PACKAGE = Path(kd_helpers.__file__).parent
LOADS_CODE = re.compile(
    r"\b(?:import|from) (?:c?pickle|_pickle|dill|cloudpickle|shelve|marshal)\b|read_pickle"
    r"|joblib\.load\b|from (?:torch|numpy|joblib) import .*\bload\b|allow_pickle=True"
    r"|torch\.load\((?!.*weights_only=True)",
    re.IGNORECASE,
)


def test_no_module_unpickles():
    for faulty in (
        "import pickle",
        "from pickle import *",
        "torch.load('a')",
        "torch.load('a', weights_only=False)",
        "from torch import load",
        "np.load('a', allow_pickle=True)",
    ):
        assert LOADS_CODE.search(faulty), faulty
    assert not LOADS_CODE.search("import torch\ntorch.load('a', weights_only=True)")
    for path in PACKAGE.rglob("*.py"):
        assert not LOADS_CODE.search(path.read_text(encoding="utf-8")), path
