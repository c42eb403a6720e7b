"""A sweep trains every cell of its grid once, on cores and on a cluster, and survives what dies."""

import gc
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import kd_helpers.experiments.sweep as sweeping
from kd_course import cli
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run
from kd_helpers.experiments.sweep import each, sweep
from kd_helpers.methods import HintonKD
from kd_helpers.training.schedules import Schedule
from lives import wait_until

SMALL = Recipe(schedule=Schedule(steps=4, batch_size=16), transfer=TransferSet(images=64))
TAUGHT = replace(SMALL, teacher=SMALL, method=HintonKD(kd_weight=0.5))
LONGER = replace(SMALL, schedule=Schedule(steps=120, batch_size=64))


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "out"


# On this machine


def weights(folder: Path, recipe: Recipe) -> dict[str, torch.Tensor]:
    return load_file(folder / "runs" / f"{recipe.hash}.safetensors")


def same_weights(one: Path, other: Path, recipes: list[Recipe]) -> bool:
    return all(
        value.equal(weights(other, recipe)[name])
        for recipe in recipes
        for name, value in weights(one, recipe).items()
    )


def test_two_jobs_give_what_one_gives_and_each_recipe_is_trained_once(out, monkeypatch):
    recipes = [replace(TAUGHT, seed=seed) for seed in range(2)]
    outcomes = list(sweep(recipes, jobs=2))
    assert {o.recipe for o in outcomes} == set(recipes)
    assert all(o.accuracy == load_run(o.recipe).accuracy for o in outcomes)
    before = {p.name: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}
    assert len(before) == 2 * 3  # two students and their teacher, record and tensors
    list(sweep(recipes, jobs=2))
    assert before == {p.name: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}
    monkeypatch.setenv("KD_OUT", str(out.parent / "serial"))
    list(sweep(recipes, jobs=1))
    assert same_weights(out, out.parent / "serial", recipes)


def test_the_command_trains_a_grid_with_a_progress_bar(out, capsys):
    grid = ["student=cnn-2", "transfer.images=64", "schedule.steps=2", "schedule.batch_size=8"]
    assert cli.main(["sweep", *grid, "--seeds", "2", "--jobs", "1"]) == 0
    printed = capsys.readouterr()
    assert "2 seeds  cnn-2, images=64, steps=2" in printed.out
    assert "2/2" in printed.err


def threads_of(item: object) -> tuple[int, str]:
    return torch.get_num_threads(), os.environ["KD_PRECISION"]


def test_workers_have_one_thread_and_the_callers_number_format(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    assert list(each(threads_of, range(3), jobs=2)) == [(1, "bfloat16")] * 3


HOURS = "transfer.images=64 schedule.steps=100000 schedule.batch_size=64 --seeds 2 --jobs 2"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_that_is_ended_leaves_no_worker_training(how, out):
    psutil = pytest.importorskip("psutil")
    command = [sys.executable, "-m", "kd_course.cli", "sweep", *HOURS.split()]
    swept = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # Both are at it, and have been since before the first checkpoint.
        wait_until(lambda: len(list(out.rglob("*.checkpoint"))) == 2, "two checkpoints")
        below = psutil.Process(swept.pid).children(recursive=True)
    finally:
        swept.send_signal(how)
    assert swept.wait() == -how
    gone, alive = psutil.wait_procs(below, timeout=20)
    for process in alive:
        process.kill()
    assert len(gone) >= 2 and not alive


# On a cluster


@pytest.fixture
def cluster(tmp_path, out):
    """A Dask scheduler and two worker processes on loopback: (scheduler file, workers)."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    file, base = tmp_path / "scheduler.json", [sys.executable, "-m", "distributed.cli.dask_"]
    here = ["--interface", "lo", "--no-dashboard", "--scheduler-file", str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    commands = [[base[2] + "scheduler", "--port", "0", *here]]
    worker = [base[2] + "worker", *f"--nthreads 1 --no-nanny --local-directory {tmp_path}".split()]
    commands += [[*worker, *here, "--name", name] for name in ("one", "two")]
    processes = [
        subprocess.Popen([*base[:2], *command], env=environment, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    wait_until(file.is_file, "the scheduler")
    yield str(file), processes[1:]
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_cluster_loses_nothing_when_a_worker_is_killed(cluster, out, monkeypatch):
    address, workers = cluster
    recipes = [replace(LONGER, seed=seed) for seed in range(6)]
    outcomes = []
    for outcome in sweep(recipes, dask=address):
        if not outcomes:  # in mid-sweep: one is done, and both workers are training
            os.kill(workers[0].pid, signal.SIGKILL)
        outcomes.append(outcome)
    assert workers[0].wait() == -signal.SIGKILL and workers[1].poll() is None
    assert {o.recipe for o in outcomes} == set(recipes) and not any(o.problem for o in outcomes)
    monkeypatch.setenv("KD_OUT", str(out.parent / "serial"))
    list(sweep(recipes, jobs=1))
    assert same_weights(out, out.parent / "serial", recipes)


def test_a_cluster_that_is_not_there_is_refused_soon(tmp_path, monkeypatch, request):
    dask = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr(sweeping, "CONNECT_SECONDS", 1)
    gc.disable()  # a failed client that is collected later may stop the next one for ever
    request.addfinalizer(gc.enable)
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    for address, words in (
        (str(tmp_path / "nowhere.json"), "no such scheduler file; start one by"),
        (str(damaged), "no answer of a Dask scheduler"),
        ("tcp://127.0.0.1:1", "no answer of a Dask scheduler .* within 1 s"),
        ("somewhere", "missing port number"),
    ):
        start = time.monotonic()
        with pytest.raises(OSError, match=words) as found:
            list(sweep([SMALL], dask=address))
        assert time.monotonic() - start < 15 and "\n" not in str(found.value)
        assert not any(type(thing) is dask.Client for thing in gc.get_objects())


def test_without_the_extra_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -e '.\[cluster\]'"):
        list(sweep([SMALL], dask="tcp://127.0.0.1:1"))
