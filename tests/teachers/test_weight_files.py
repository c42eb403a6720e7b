"""Files that hold no weights, or more than weights: refused in one sentence, and nothing is run."""

import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from weight_files import network, not_loaded, state

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle", "ignore:.*torch.jit")


class Evil:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_file_that_would_run_code_does_not(tmp_path):
    trap = tmp_path / "was run"
    for old in (False, True):
        torch.save(
            {"state_dict": state(network()), "more": Evil(trap)},
            path := tmp_path / "a.pth",
            _use_new_zipfile_serialization=not old,
        )
        problem = not_loaded(path)
        assert "needs code" in problem and "mkdir" in problem
    path.write_bytes(pickle.dumps(Evil(trap)))
    not_loaded(path)
    torch.save(network(), path)  # a whole network: harmless here, but who knows
    assert "state_dict()" in not_loaded(path)
    assert not trap.exists()


def test_what_is_no_file_of_weights_gets_a_sentence(tmp_path):
    assert "found no file" in not_loaded(tmp_path / "missing.pth")
    (folder := tmp_path / "folder").mkdir()
    torch.save(state(network()), folder / "best.pth")
    assert "best.pth" in not_loaded(folder)
    with tarfile.open(tmp_path / "teachers.tar", "w") as tar:
        tar.add(folder / "best.pth", "a/best.pth")
    with zipfile.ZipFile(tmp_path / "teachers.zip", "w") as zipped:
        zipped.write(folder / "best.pth", "b/best.pth")
    for name in ("teachers.tar", "teachers.zip"):
        assert "archive" in (problem := not_loaded(tmp_path / name)) and "best.pth" in problem
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), tmp_path / "script.pt")
    assert "got a TorchScript program" in not_loaded(tmp_path / "script.pt")
    save_file(state(network()), tmp_path / "whole.safetensors")
    torch.save(state(network()), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for whole in (folder / "best.pth", tmp_path / "old.pth", tmp_path / "whole.safetensors"):
        for length in (0, 5, 100, whole.stat().st_size - 9):
            (cut := tmp_path / f"cut{whole.suffix}").write_bytes(whole.read_bytes()[:length])
            assert "cannot be read" in not_loaded(cut), (whole, length)
    (page := tmp_path / "page.pth").write_text("<html>404</html>")
    assert "cannot be read" in not_loaded(page)
    for content in ({}, [], {"epoch": 3}, torch.ones(3)):
        torch.save(content, page)
        assert "without tensors" in not_loaded(page)
