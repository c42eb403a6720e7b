"""The reproductions on the papers' own images, CIFAR-100, that a laptop's processor can train.

Networks and settings are the papers', but for the passes: `nb06_assistants.on_cifar`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kd_course.nb06_assistants import on_cifar
from kd_course.nb07_papers.rows import Ours, Row, arm, by_name, reproduction
from kd_course.nb07_papers.tables import printed
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.run import Run, load_or_train

DIFFERS = (
    f"The papers: 160 passes, the best of a search over λ, T and the seed. Here: {on_cifar.PASSES} "
    f"passes, T = {on_cifar.KD.temperature:g} and λ = {on_cifar.KD.kd_weight:g}, 45,000 of the "
    "50,000 training images; everything above the student is trained once."
)
COLUMN = "160 passes"
ARMS = partial(arm, on_cifar.cifar_arms)


def size(name: str) -> str:
    return name.removeprefix("cnn-")


def network(name: str) -> Ours:
    return lambda _: on_cifar.alone(name)


@reproduction("Teacher assistants (Mirzadeh et al. 2020), CIFAR-100 in 20 passes", DIFFERS, COLUMN)
def takd() -> Iterator[Row]:
    def at(table: str, sizes: str, way: str) -> tuple:
        return printed("takd_2020", table, f"plain CNN {sizes}, CIFAR-100", way)

    labels, direct = "labels only", "direct, student of cnn-10"
    yield Row(labels, at("table 1", "10-4-2", labels), ARMS("hard labels"))
    yield Row("smoothed labels", (), ARMS("smoothed labels"), labels)
    yield Row(direct, at("table 1", "10-4-2", "direct"), ARMS("direct"), labels)
    for name in on_cifar.MIDDLE:
        numbers, ours = at("table 2", f"10-{size(name)}-2", "chain"), ARMS(f"assistant {name}")
        yield Row(f"student of {name}, which cnn-10 taught", numbers, ours, direct)
    for name in on_cifar.MIDDLE:
        numbers = at("figure 2", f"{size(name)}-2", "direct")
        title = f"student of {name}, which nobody taught"
        yield Row(title, numbers, ARMS(f"{name}, which nobody taught"), direct)
    for name in (*on_cifar.MIDDLE, on_cifar.TEACHER):
        numbers = at("figure 4", size(name), labels)
        yield Row(f"{name}, labels only (figure 4)", numbers, network(name))


def shared_errors(run: Run) -> float:
    """Of the test errors of the student or of the teacher, those of both (DGKD's figure 4)."""
    teacher = load_or_train(on_cifar.alone(on_cifar.TEACHER), quiet=True)
    return 100 * error_overlap(run.answers(), teacher.answers(), on_cifar.TEST_LABELS)


@reproduction(
    "Every larger network teaches (Son et al. 2021), CIFAR-100 in 20 passes", DIFFERS, COLUMN
)
def dgkd() -> Iterator[Row]:
    at = partial(printed, "dgkd_2021")
    place, titles = "plain CNN 10-8-6-4-2, CIFAR-100", ("chain", "dense", "stochastic")
    chain, dense, random = titles
    yield Row("labels only", (), ARMS("hard labels"))
    yield Row("direct", (), ARMS("direct"), "labels only")
    yield Row(chain, at("table 1", place, chain), ARMS(chain), "direct")
    yield Row(dense, at("table 1", place, dense), ARMS(dense), chain)
    yield Row("stochastic, p = 0.75", at("table 6", place, random), ARMS(random), dense)
    yield Row("dense, mean of the terms", (), ARMS("dense, mean"), dense)
    for way in (chain, dense):
        shared = f"{way}: errors shared with the teacher"
        yield Row(shared, (), ARMS(way), "", "% of errors", shared_errors)


CIFAR = by_name(takd, dgkd)
