"""Two processes that train together do what one does, and the first one alone writes."""

import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from kd_helpers.data.datasets import Split
from kd_helpers.methods.hinton import distillation_terms
from kd_helpers.runtime import distributed
from kd_helpers.teachers.cached import NetworkTeacher
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule

PATIENCE = 300  # seconds; ends a test that hangs
INPUT = {"num_classes": 10, "in_channels": 1, "image_size": 28}
SCHEDULE = Schedule(steps=3, batch_size=32, learning_rate=0.02)


def torchrun(*command: str, folder: Path, **environment: str) -> str:
    """Run a script or module in two processes with PyTorch's own launcher; what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    found = subprocess.run(
        [*launcher, "--master-addr", "127.0.0.1", "--master-port", str(port), *command],
        env=os.environ | {"OMP_NUM_THREADS": "1", "KD_PRECISION": "float32"} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


def distil() -> dict[str, torch.Tensor]:
    """A short distillation with hidden labels in unequal shares, run by one process or by two."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (96, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (96,), generator=generator)
    labels[torch.arange(96) % 3 == 0] = -100
    student = make_student("resnet-8", seed=0, **INPUT)
    start = {name: value.clone() for name, value in student.state_dict().items()}
    teacher = NetworkTeacher(make_student("cnn-2", seed=1, **INPUT))
    loss = partial(distillation_terms, temperature=4.0, kd_weight=0.5)
    history = train(student, Split(images, labels), loss=loss, teacher=teacher, schedule=SCHEDULE)
    changes = {n: (v - start[n]).float().contiguous() for n, v in student.state_dict().items()}
    return changes | {"loss": torch.tensor(history.terms["loss"])}


def test_two_processes_train_as_one(tmp_path):
    torchrun(str(Path(__file__).resolve()), str(tmp_path), folder=tmp_path)
    ranks = [load_file(tmp_path / f"rank-{rank}.safetensors") for rank in (0, 1)]
    for name, value in distil().items():
        assert ranks[0][name].equal(ranks[1][name]), name  # both hold the same network
        # What was learnt in three steps, not the weights themselves; rounding differs, no more.
        assert (ranks[0][name] - value).norm() <= 0.01 * value.norm() + 1e-6, name


LOG_WRITES = """
import os, sys
from kd_helpers import cli, files
def logged(path, content, real=files.os.replace):
    with open(os.environ["WRITES"], "a") as log:
        log.write(f"{os.environ['RANK']} {content}\\n")
    real(path, content)
files.os.replace = logged
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def logged_command(tmp_path) -> Path:
    (tmp_path / "logged.py").write_text(LOG_WRITES)
    return tmp_path / "logged.py"


def test_the_command_trains_once_the_first_process_writes_and_the_next_call_loads(
    logged_command, tmp_path
):
    settings = [
        "transfer.images=64",
        "schedule.steps=4",
        "schedule.batch_size=16",
        "teacher=course",
        "kd_weight=0.9",
        "views.flip=True",
    ]
    out, log = tmp_path / "out", tmp_path / "writes.txt"
    run = partial(
        torchrun,
        str(logged_command),
        "train",
        *settings,
        folder=tmp_path,
        KD_OUT=str(out),
        WRITES=str(log),
    )
    assert run().count("trained run") == 1
    written = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(written) >= 2 and set(written) == {"0"}
    log.write_text("")
    assert run().count("loaded run") == 1 and log.read_text() == ""


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 3)
    with pytest.raises(ValueError, match=r"got a batch of 32 images for 3 processes; expected"):
        distributed.share(torch.zeros(5, 32))


@pytest.mark.parametrize("train_mode", (True, False))
def test_the_joined_batch_norm_is_pytorchs_where_there_is_one_process(train_mode, monkeypatch):
    monkeypatch.setattr(distributed, "summed", lambda value: value.clone())
    generator = torch.Generator().manual_seed(0)
    x = (5 + 3 * torch.randn(8, 4, 6, 5, generator=generator)).requires_grad_()
    plain, joined = nn.Sequential(nn.BatchNorm2d(4)), nn.Sequential(nn.BatchNorm2d(4))
    distributed.join_batch_norms(joined)
    outputs = []
    for norm in (plain, joined):
        norm.train(train_mode)
        x.grad = None
        y = norm(x)
        F.mse_loss(y, torch.arange(y.numel()).reshape(y.shape) / y.numel()).backward()
        outputs.append((y, x.grad, norm[0].weight.grad, *norm.state_dict().values()))
    for one, other in zip(*outputs, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":  # one of the two processes
    distributed.start()
    changes = distil()
    save_file(changes, Path(sys.argv[1]) / f"rank-{distributed.rank()}.safetensors")
    distributed.stop()
