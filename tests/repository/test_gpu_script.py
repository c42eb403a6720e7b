"""`benchmarks/gpu.py`, which is written for a GPU, runs from end to end without one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kd_helpers.data.splits import Dataset, Split
from kd_helpers.experiments import metrics, room
from little_data import in_no_time

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_two_steps_on_the_processor_measure_everything(tmp_path):
    """Without images the last part is skipped, and the script says which file it looked for."""
    command = [sys.executable, BENCHMARKS / "gpu.py", "--out", tmp_path]
    command += ["--steps", "2", "--only", "b,c,d,e"]
    where = os.environ | {"KD_DATA": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=where)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert "problem" not in json.dumps(found), done.stdout
    for part in "bcd":
        rates = [row for row in found[part].values() if isinstance(row, dict)]
        assert len(rates) == 2, found[part]
        assert all(n > 0 for row in rates for key, n in row.items() if key.endswith("images/s"))
        assert all(row.get("difference of the losses", 0) < 1e-4 for row in rates)
    assert "cifar-100-python.tar.gz" in found["e"]["skipped"]
    assert "warm / textbook, goal ≥ 8: cnn-2, batch 4" in done.stdout


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import gpu

    return gpu


def random_data() -> Dataset:
    images = torch.randint(256, (100, 3, 32, 32), dtype=torch.uint8)
    split = Split(images, torch.arange(100))
    return Dataset("cifar-100", tuple(map(str, range(100))), split, split, split)


def test_the_papers_ladder_is_trained_and_its_time_compared(gpu, tmp_path, monkeypatch):
    data = random_data()
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(metrics, "measure_latency", in_no_time)
    for module in (gpu, room):
        monkeypatch.setattr(module, "load_dataset_once", lambda name, device: data)
    found = {}
    gpu.paper_runs(gpu.rehearsal(2), found.__setitem__, seconds=60)
    first, second, *others = [name for name in found if "seed" in name]
    assert (first, second) == ("cnn-10, seed 0", "cnn-2 of cnn-10, seed 0")
    assert "cnn-2 of cnn-4 of cnn-10, seed 2" in others and len(others) == 9
    assert found["estimated / needed"] > 0
    steps = [json.loads(f.read_text())["history"]["step"] for f in tmp_path.glob("runs/*.json")]
    assert steps == 11 * [[2]]
    with pytest.raises(KeyboardInterrupt, match="stopped after 0 steps"):  # no time is left
        gpu.paper_runs(gpu.rehearsal(3), found.__setitem__, seconds=0)


def hang(size, note, seconds):
    note("first", 1.0)
    while True:
        pass


def break_down(size, note, seconds):
    raise ZeroDivisionError("of no use")


def test_a_part_that_hangs_or_fails_keeps_what_it_measured(gpu, tmp_path, monkeypatch):
    for name, measure in (("hung", hang), ("broken", break_down)):
        monkeypatch.setitem(gpu.PARTS, name, gpu.Part(name, measure, 1.0))
        gpu.in_its_own_process(name, tmp_path, 2, 1.0)
    found = gpu.read(tmp_path)
    assert found["hung"]["first"] == 1 and "stopped after 1 s" in found["hung"]["problem"]
    assert "of no use" in found["broken"]["problem"]
    assert "part broken, problem: ZeroDivisionError" in gpu.report(found | {"machine": {}})


def test_another_step_is_chosen_where_it_is_faster_and_the_same(gpu):
    from gpu_graphs import choice

    assert choice(3.0, 0.001).startswith("other: 3.00 times")
    assert choice(1.05, 0.001).startswith("plain: the other step has 1.05")
    for difference in (0.1, float("nan")):
        assert choice(3.0, difference).startswith("plain: the other step's losses differ")
