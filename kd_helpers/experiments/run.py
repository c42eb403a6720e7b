"""From a recipe to its stored result: load it if it is there, train it if not, and say which."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from kd_course.nb08_faults.faulty_losses import BEST_STEP
from kd_course.nb08_faults.faulty_teachers import BestStep, spoil
from kd_helpers.data.class_groups import half_special, special_dataset
from kd_helpers.data.datasets import Dataset, load_dataset
from kd_helpers.data.transfer_set import load_source, select
from kd_helpers.experiments.build import loss_of, make_team
from kd_helpers.experiments.locks import lock_of, tidy_up
from kd_helpers.experiments.recipe import SPECIALISTS, Recipe, Team, to_dict
from kd_helpers.experiments.records import input_of, store_result
from kd_helpers.experiments.store import DamagedRun, Run, read_record, set_run_aside
from kd_helpers.models.towers import TowersApart
from kd_helpers.models.zoo import take_over
from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import pick_device, pick_precision
from kd_helpers.runtime.folders import cache_folder, checkpoint_folder, run_folders
from kd_helpers.teachers.answer_files import AnswerFiles, fingerprint
from kd_helpers.teachers.cached import CachedTeacher, NetworkTeacher, Teacher
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import History, make_student, train, training_reports

KEEP = ("weights", "test_logits")  # of a run that is trained here


def load_run(recipe: Recipe) -> Run | None:
    """The stored run of a recipe, or None; one that keeps tensors goes before a mere record.

    Raises:
        DamagedRun: a file of the run is damaged; it is left where it is.
    """
    paths = [folder / f"{recipe.hash}.json" for folder in run_folders()]
    found = [Run(recipe, read_record(p, recipe), p.parent) for p in paths if p.is_file()]
    return next((run for run in found if run.has_tensors), found[0] if found else None)


def load_checked_run(recipe: Recipe) -> Run | None:
    """The same, all of its files read and checked; damaged ones are named and moved aside."""
    found = []
    for folder in run_folders():
        path = folder / f"{recipe.hash}.json"
        try:
            if path.is_file():
                run = Run(recipe, read_record(path, recipe), folder)
                run.check()
                found.append(run)
        except DamagedRun as problem:
            set_run_aside(folder, recipe, problem)
    return next((run for run in found if run.has_tensors), found[0] if found else None)


def load_or_train(recipe: Recipe, *, quiet: bool = False) -> Run:
    """The result of a recipe: loaded where it is stored, else trained, stored and returned.

    Prints which of the two it did. New runs go to `out/runs/`. A training that was cut off goes on
    where it was, give or take a few seconds; if another process is training the same recipe, this
    one waits for it. A damaged file is named in a warning, moved aside, and its run trained again.

    Raises:
        KeyboardInterrupt: the training was stopped by hand; the next call goes on with it.
        DiskFull: there is no room for the result; the next call goes on as well.
    """
    run = load_checked_run(recipe)
    if run is None:
        run, said = train_alone(recipe, quiet)
    else:
        said = None
    made = run.record
    said = said or (
        f"loaded run {recipe.hash} (trained {made['date']} in {made['seconds']:.0f} s on {made['device']})"
    )
    if not quiet and distributed.is_main():
        print(f"{said}: {recipe}: {run.accuracy:.2f} % of the test images right")
    return run


def train_alone(recipe: Recipe, quiet: bool = False) -> tuple[Run, str | None]:
    """Train a recipe unless another process does or did; the run, and what was done if it was
    this."""
    with lock_of(recipe, quiet):
        tidy_up(recipe)
        run = load_checked_run(recipe)  # the other process may be done by now
        if run is not None:
            return run, None
        run = train_recipe(recipe, folder=run_folders()[-1], keep=KEEP)
        return run, f"trained run {recipe.hash} in {run.record['seconds']:.0f} s"


def train_recipe(recipe: Recipe, *, folder: Path, keep: tuple[str, ...] = (), **hooks) -> Run:
    """Train a recipe, from where an earlier training of it was cut off; measure it and store it.

    Args:
        folder: where the result goes.
        keep: which tensors to store beside the record: "weights", "test_logits", "train_logits".
        hooks: `on_report` and `should_stop`, as for `training.train`.

    Raises:
        KeyboardInterrupt: it was stopped, by hand or by `should_stop`; the next call goes on with
        it.
    """
    dataset = dataset_of(recipe)
    student = new_student(recipe, dataset)
    checkpoint = Checkpoint(checkpoint_folder() / f"{recipe.hash}.checkpoint", to_dict(recipe))
    history = train_student(
        recipe, student, dataset, checkpoint=checkpoint, report_every=50, **hooks
    )
    if history.stopped:
        raise KeyboardInterrupt(
            f"run {recipe.hash} was stopped after {history.taken} steps; start it again to go on"
        )
    if distributed.is_main():
        store_result(recipe, student, dataset, history, folder, keep)
        checkpoint.remove()
    distributed.wait_for_all()
    return Run(recipe, read_record(folder / f"{recipe.hash}.json", recipe), folder)


@functools.lru_cache(maxsize=2)
def load_dataset_once(name: str, device: str) -> Dataset:
    return load_dataset(name, device)


def dataset_of(recipe: Recipe) -> Dataset:
    """The data set of a recipe; for a specialist with its own labels."""
    dataset = load_dataset_once(recipe.dataset, pick_device().type)
    return special_dataset(dataset, recipe.special) if recipe.special else dataset


def new_student(recipe: Recipe, dataset: Dataset) -> nn.Module:
    given = input_of(dataset)
    student = make_student(recipe.student, seed=recipe.seed, towers=recipe.towers, **given)
    if recipe.start:
        same = recipe.start.special == recipe.special  # else its outputs mean other classes
        take_over(student, run_with_weights(recipe.start).model(), last_layer=same)
    return student


def train_student(recipe: Recipe, student: nn.Module, dataset: Dataset, **hooks) -> History:
    """Train an untrained network as the recipe says, to the end; the teacher's answers are kept."""
    how = training_arguments(recipe, dataset)
    best = BestStep(student, dataset.test) if recipe.fault == BEST_STEP else None
    if recipe.fault:  # what a fault changes beside the student is in no checkpoint
        hooks |= {"checkpoint": None} | ({"on_report": best} if best else {})
    try:
        return train(student, **how, **hooks)
    finally:
        if how["teacher"]:
            how["teacher"].save()
        if best:
            best.hand_in()


def student_reports(
    recipe: Recipe, student: nn.Module, dataset: Dataset, **hooks
) -> Iterator[History]:
    """The same, as a generator of reports; `hooks` as for `training.training_reports`."""
    return training_reports(student, **training_arguments(recipe, dataset), **hooks)


def training_arguments(recipe: Recipe, dataset: Dataset) -> dict:
    """What a recipe says, in the words of `training.training_reports`."""
    source = load_source(dataset, recipe.transfer.source)
    split, rows = select(source, recipe.transfer, recipe.seed)
    if recipe.special:
        rows = half_special(split.labels, rows, dustbin=len(recipe.special))
    teacher = (
        teacher_of(recipe, dataset, len(rows)) if recipe.kd_weight and recipe.teacher else None
    )
    if recipe.fault:
        one = None if isinstance(recipe.teacher, Team) else run_with_weights(recipe.teacher).model()
        how = {"rows": rows, "schedule": recipe.schedule, "seed": recipe.seed}
        teacher = spoil(teacher, one and one.to(pick_device()), recipe.fault, **how)
    return {
        "split": split,
        "rows": rows,
        "loss": loss_of(recipe),
        "schedule": recipe.schedule,
        "seed": recipe.seed,
        "teacher": teacher,
        "view_set": recipe.views,
    }


def teacher_of(recipe: Recipe, dataset: Dataset, images: int) -> Teacher:
    """The recipe's teacher, one or a team; images: how many the student sees."""
    if not isinstance(recipe.teacher, Team):
        return cached_teacher(recipe)
    team = recipe.teacher
    apart = team.is_selective and team.has_towers
    members = [cached_teacher(recipe, member, apart) for member in team.members]
    joined = make_team(team, members, dataset, temperature=recipe.temperature, images=images)
    if team.how != SPECIALISTS:
        return joined
    # The joint answer takes longer than a step of a small student: it is found once for each image.
    pictures = load_source(dataset, recipe.transfer.source).images
    return CachedTeacher(joined, pictures, recipe.views, num_classes=len(dataset.classes))


def cached_teacher(
    recipe: Recipe, member: Recipe | None = None, apart: bool = False
) -> CachedTeacher:
    """The recipe's one teacher, or a member of its team, with a memory that all students of one
    data set, source and view set share, those of later sessions too: its answers are also on disk.
    apart: those of its towers."""
    return _cached_teacher(
        member or recipe.teacher,
        apart,
        recipe.dataset,
        recipe.transfer.source,
        recipe.views,
        pick_device().type,
        pick_precision(pick_device())[0],
        cache_folder(),
    )


def run_with_weights(recipe: Recipe) -> Run:
    """The run of a recipe; trained again where only its record is stored."""
    run = load_or_train(recipe, quiet=True)
    if not run.has_tensors:
        with lock_of(recipe):
            run = load_checked_run(recipe)
            if not run.has_tensors:
                run = train_recipe(recipe, folder=run_folders()[-1], keep=KEEP)
    return run


@functools.lru_cache(maxsize=16)
def _cached_teacher(
    teacher: Recipe,
    apart: bool,
    dataset: str,
    source: str,
    views,
    device: str,
    precision,
    folder: Path,
) -> CachedTeacher:
    run = run_with_weights(teacher)
    pictures = load_source(load_dataset_once(dataset, device), source)
    model = TowersApart(run.model(device)) if apart else run.model(device)
    key = fingerprint(model, pictures.images, views)
    outputs = model.outputs if apart else run.record["input"]["num_classes"]
    cache = CachedTeacher(
        NetworkTeacher(model),
        pictures.images,
        views,
        num_classes=outputs,
        files=AnswerFiles(folder / key),
        writes=distributed.is_main(),
    )
    # The stored answers were computed in float32; they are the teacher's only where it answers so.
    own = source == "train" and dataset == teacher.dataset and precision == torch.float32
    if own and not apart and "train_logits" in run.tensors():
        cache.remember_plain(run.logits("train").to(device))
    cache.read_files()
    return cache
