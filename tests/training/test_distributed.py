"""Two processes that train together do what one does, and the first one alone writes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from kd_course import cli
from kd_helpers.data.datasets import Split
from kd_helpers.methods import HintonKD
from kd_helpers.runtime import distributed
from kd_helpers.teachers.teacher import NetworkTeacher
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


def without_batch_norm() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1352, 10))


def distil(student: nn.Module) -> dict[str, torch.Tensor]:
    """A short distillation with hidden labels in unequal shares, run by one process or by two:
    what each parameter learnt, and the losses."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (96, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (96,), generator=generator)
    labels[torch.arange(96) % 3 == 0] = -100
    start = {name: value.detach().clone() for name, value in student.named_parameters()}
    teacher = NetworkTeacher(make_student("cnn-2", seed=1, **INPUT))
    how = {
        "method": HintonKD(temperature=4.0, kd_weight=0.5),
        "teacher": teacher,
        "schedule": SCHEDULE,
    }
    history = train(student, Split(images, labels), **how)
    changes = {n: (v.detach() - start[n]).contiguous() for n, v in student.named_parameters()}
    return changes | {"loss": torch.tensor(history.terms["loss"])}


def test_two_processes_train_as_one_and_the_first_one_alone_writes_and_prints(tmp_path):
    """On a processor each one normalises its own share of the batch, so that this network must not
    have batch normalisation; one that has it learns the same in both, at least."""
    where = {"folder": tmp_path, "KD_OUT": str(tmp_path / "out")}
    told = torchrun(str(Path(__file__).resolve()), str(tmp_path), **where)
    ranks = [load_file(tmp_path / f"rank-{rank}.safetensors") for rank in (0, 1)]
    assert all(value.equal(ranks[1][name]) for name, value in ranks[0].items())
    for name, value in distil(without_batch_norm()).items():
        # What was learnt in three steps, not the weights themselves; rounding differs, no more.
        assert (ranks[0][f"plain.{name}"] - value).norm() <= 0.001 * value.norm() + 1e-6, name
    assert told.count("trained run") == told.count("loaded run") == 1
    assert [path.name for path in tmp_path.glob("wrote-*")] == ["wrote-0"]


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 3)
    with pytest.raises(ValueError, match=r"got a batch of 32 images for 3 processes; expected"):
        distributed.share(torch.zeros(5, 32))


def learn_twice(folder: Path, rank: int) -> None:
    """What one of the two processes does."""
    found = {}
    for name, student in (
        ("plain", without_batch_norm()),
        ("resnet-8", make_student("resnet-8", seed=0, **INPUT)),
    ):
        found |= {f"{name}.{key}": value for key, value in distil(student).items()}
    save_file(found, folder / f"rank-{rank}.safetensors")
    real = os.replace
    os.replace = lambda *paths: (folder / f"wrote-{rank}").touch() or real(*paths)
    # Joined once: who parts and meets again under torchrun may wait for the other for ever.
    stop, distributed.stop = distributed.stop, lambda: None
    words = "transfer.images=64 schedule.steps=4 schedule.batch_size=16 teacher=course"
    for _ in range(2):
        cli.main(["train", *words.split(), "kd_weight=0.9", "augmentation.flip=yes"])
    stop()


if __name__ == "__main__":
    distributed.start()
    learn_twice(Path(sys.argv[1]), distributed.rank())
