"""The console command `kd`: check this machine, list or renew the stored runs, train, sweep,
measure."""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kd_course import export_run, own_data

if TYPE_CHECKING:
    from kd_helpers.training.loop import History

SETTINGS = (
    "NAME=VALUE: a field of Recipe, or of its parts transfer, schedule, augmentation and method, "
    "as in student=cnn-4 teacher=course temperature=2 transfer.images=600 augmentation.flip=yes "
    "method=DecoupledKD method.beta=2"
)
GRID = f"the grid: {SETTINGS}; several values, as in 2,8, give all combinations"


def main(arguments: list[str] | None = None) -> int:
    """0; 1 where something failed or is missing; 2 where what was asked for cannot be. Problems
    are told in one sentence."""
    parser = make_parser()
    chosen, more = parser.parse_known_args(arguments)
    # Settings may stand after options too: `kd sweep student=cnn-2 --seeds 2 temperature=2,4`.
    if more and (not hasattr(chosen, "settings") or any(word.startswith("-") for word in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        chosen.settings = [*chosen.settings, *more]
    try:
        return chosen.do(chosen)
    except (ArithmeticError, ModuleNotFoundError, ValueError, RuntimeError, OSError) as problem:
        print(f"kd {chosen.command}: {problem}", file=sys.stderr)
        return 1 if isinstance(problem, RuntimeError) else 2
    except KeyboardInterrupt:
        print("stopped by hand; the same command goes on from here", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kd", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, do: Callable, words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words)
        added.set_defaults(do=do)
        return added

    command("check", run_check, "is everything there that the course needs?")
    runs = command("runs", look_at_runs, "list the stored runs that ship with the course")
    which = runs.add_mutually_exclusive_group()
    which.add_argument("--missing", action="store_true", help="train those that are not stored")
    which.add_argument("--retrain", action="store_true", help="train all of them from nothing")
    which.add_argument("--latency", action="store_true", help="time all of them again, here, now")
    which.add_argument("--pack", action="store_true", help="merge out/runs into data/runs")
    words = "those on this data set; cifar-100 takes many hours without a GPU"
    runs.add_argument("--dataset", default="fashion-mnist", help=words)
    words = "train one recipe, or load it; under torchrun on several GPUs or machines"
    train = command("train", train_recipe, words)
    train.add_argument("settings", nargs="*", metavar="NAME=VALUE", help=SETTINGS)
    sweep = command("sweep", run_sweep, "train a grid of recipes × seeds")
    sweep.add_argument("settings", nargs="*", metavar="NAME=VALUE,VALUE…", help=GRID)
    bench = command("bench", run_bench, "measure this machine against the textbook loop")
    words = "print the numbers as JSON instead of tables, or also write them to a file"
    bench.add_argument("--json", nargs="?", const="-", metavar="FILE", help=words)
    bench.add_argument("--only", metavar="ROWS", help="some rows only, such as a,c")
    reproduce = command("reproduce", run_reproduce, "a paper's numbers beside ours")
    reproduce.add_argument("name", nargs="?", help="which; without it, the list of names")
    words = "each figure and table of the papers, its command, and how it stands here"
    reproduce.add_argument("--list", action="store_true", help=words)
    words = "laptop: from the stored runs; cifar: CIFAR-100 in 20 passes; paper: the paper's own"
    scales = ("laptop", "cifar", "paper")
    reproduce.add_argument("--scale", default="laptop", choices=scales, help=words)
    reproduce.add_argument("--yes", action="store_true", help="train without asking")
    for parser_of_many in (sweep, reproduce):
        words = "seeds 0, 1, … of each (5)"
        parser_of_many.add_argument("--seeds", type=positive, default=5, help=words)
        words = "a Dask scheduler, tcp://host:port, or its scheduler file; it has 30 s to answer"
        parser_of_many.add_argument("--dask", metavar="ADDRESS", help=words)
    for parser_of_many in (runs, sweep):
        words = "trainings at a time here; one a core by default"
        parser_of_many.add_argument("--jobs", type=positive, help=words)
    distil = command("distill", own_data.run, "would a teacher help your student on your images?")
    own_data.add_options(distil, positive)
    words = "write a stored run's network as ONNX or another format, and compare the two"
    export_run.add_options(command("export", export_run.run, words))
    words = "the networks by name, and what each costs on this machine"
    networks = command("networks", own_data.list_networks, words)
    for name, default in (("--size", 32), ("--channels", 3), ("--classes", 10)):
        networks.add_argument(name, type=positive, default=default, help=f"({default})")
    words = "get a data set, or say which file to put where; or look at a folder of pictures"
    data = command("data", get_data, words)
    words = "fashion-mnist, cifar-10, cifar-100, svhn, tiny-imagenet-200; or look, and a PATH"
    data.add_argument("name", help=words)
    data.add_argument("path", nargs="?", metavar="PATH", help="the folder to look at")
    data.add_argument("--size", type=positive, default=64, help="of the square images (64)")
    data.add_argument("--channels", type=int, default=3, choices=(1, 3), help="1 grey, 3 RGB (3)")
    words = "what becomes of pictures that are not square (crop)"
    data.add_argument("--fit", default="crop", choices=("crop", "pad"), help=words)
    return parser


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"got {text}; expected a whole number above 0")
    return int(text)


def run_reproduce(chosen: argparse.Namespace) -> int:
    from kd_course.nb07_papers.listing import listing
    from kd_course.nb07_papers.reproduce import names, reproduce

    if chosen.list:
        print(listing(range(chosen.seeds)))
        return 0
    if chosen.name is None:
        print("\n".join(names()))
        return 0
    done = reproduce(
        chosen.name, scale=chosen.scale, seeds=chosen.seeds, yes=chosen.yes, dask=chosen.dask
    )
    return int(done is None)


def run_check(chosen: argparse.Namespace) -> int:
    from kd_course.checkup import check

    return check()


def look_at_runs(chosen: argparse.Namespace) -> int:
    asked = chosen.pack or chosen.missing or chosen.retrain or chosen.latency
    return renew_runs(chosen) if asked else list_runs()


def list_runs() -> int:
    from kd_course.catalogue import shipped_runs
    from kd_helpers.experiments.run import load_run
    from kd_helpers.experiments.store import RunError

    missing = damaged = 0
    for recipe in (item.recipe for item in shipped_runs()):
        try:
            run = load_run(recipe)
        except RunError as problem:
            damaged += 1
            print(f"{recipe.hash}  damaged: {problem}")
            continue
        missing += run is None
        result = (
            f"{run.accuracy:6.2f} %  {run.record['seconds']:6.1f} s"
            if run
            else "   missing        "
        )
        print(f"{recipe.hash}  {result}  {recipe}")
    if damaged:
        print(f"{damaged} damaged")
    print(f"{missing} missing" if missing else "none missing" if damaged else "all there")
    return int(missing + damaged > 0)


def renew_runs(chosen: argparse.Namespace) -> int:
    """Merge or train what is asked for, then time what was trained, while nothing else goes on."""
    from kd_course.retrain import pack_all, print_progress, retrain, time_all

    trained = None
    if not chosen.retrain:
        print(f"packed {pack_all()} runs")
    if chosen.missing or chosen.retrain:
        trained = print_progress(
            retrain(again=chosen.retrain, jobs=chosen.jobs, dataset=chosen.dataset)
        )
    if trained or chosen.latency:
        print_progress(time_all(trained))
    return 0


def train_recipe(chosen: argparse.Namespace) -> int:
    """Load or train one recipe; with the processes of torchrun, all of them together."""
    from kd_course.settings import parse_grid
    from kd_helpers.experiments.run import load_or_train
    from kd_helpers.runtime import distributed

    recipes = parse_grid(chosen.settings)
    if len(recipes) > 1:
        raise ValueError(f"got {len(recipes)} recipes; expected one: use `kd sweep` for a grid")
    distributed.start()
    try:
        if distributed.is_main():
            print(f"seed {recipes[0].seed}: {recipes[0].describe()}", flush=True)
        load_or_train(recipes[0], **progress(recipes[0].schedule.steps))
    finally:
        distributed.stop()
    return 0


def progress(steps: int) -> dict[str, Any]:
    """A bar with the time left, as hooks of a training: on a terminal only, and once it begins."""
    from tqdm import tqdm

    from kd_helpers.runtime import distributed

    hidden = None if distributed.is_main() else True  # None: unless it goes to a terminal

    @functools.cache
    def bar() -> tqdm:
        return tqdm(total=steps, unit="step", disable=hidden, leave=False)

    def should_stop() -> bool:
        bar()
        return False

    def on_report(history: History) -> None:
        bar().set_postfix_str(f"loss {history.terms['loss'][-1]:.3f}", refresh=False)
        bar().update(history.taken - bar().n)
        if history.taken == steps:
            bar().close()

    return {"should_stop": should_stop, "on_report": on_report}


def run_sweep(chosen: argparse.Namespace) -> int:
    """Train a grid with a progress bar, then print its table; 1 if a recipe failed.

    A word that is wrong in one combination is refused before anything is trained.
    """
    from tqdm import tqdm

    from kd_course.settings import parse_grid
    from kd_helpers.experiments.sweep import sweep, table

    seeds = "seed=" + ",".join(map(str, range(chosen.seeds)))
    own_seeds = any(setting.startswith("seed=") for setting in chosen.settings)
    recipes = parse_grid(chosen.settings if own_seeds else [*chosen.settings, seeds])
    outcomes = list(
        tqdm(sweep(recipes, jobs=chosen.jobs, dask=chosen.dask), total=len(recipes), unit="run")
    )
    print("\n".join(table(outcomes)))
    return int(any(outcome.problem for outcome in outcomes))


def run_bench(chosen: argparse.Namespace) -> int:
    """Run benchmarks/engine.py of the repository, in a process of its own."""
    from kd_helpers.runtime.folders import data_dir

    script = data_dir().parent / "benchmarks" / "engine.py"
    if not script.is_file():
        raise ValueError(
            f"{script}: expected the benchmarks; run `kd bench` in a clone of the course"
        )
    options = [f"--{name}={value}" for name in ("json", "only") if (value := getattr(chosen, name))]
    return subprocess.run([sys.executable, str(script), *options]).returncode


def get_data(chosen: argparse.Namespace) -> int:
    """Load a data set, from a local file or by download, and say what is in it."""
    from kd_helpers.data.datasets import load_dataset

    if (chosen.name == "look") != (chosen.path is not None):
        raise ValueError("expected the name of a data set, or look and the PATH of a folder")
    if chosen.name == "look":
        return look_at_folder(chosen)
    data = load_dataset(chosen.name)
    shape = "×".join(map(str, data.train.images.shape[1:]))
    print(
        f"{data.name}: {len(data.train):,} + {len(data.val):,} + {len(data.test):,} images of "
        f"{shape}, {len(data.classes)} classes"
    )
    return 0


def look_at_folder(chosen: argparse.Namespace) -> int:
    """Say what is in a folder of pictures, and draw a contact sheet."""
    from kd_helpers.data.look import look

    lines, _ = look(chosen.path, size=chosen.size, channels=chosen.channels, fit=chosen.fit)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
