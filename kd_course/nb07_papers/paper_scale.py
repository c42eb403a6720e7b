"""The reproductions at paper scale: the papers' data sets, networks and settings, for a GPU.

Of these only TAKD's plain ladder 10-4-2 on CIFAR-100 is stored, with seed 0. What cannot be done
with public data sets is in `WITHOUT`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from kd_course.nb03_confidence.experiments import WARM_UP
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb07_papers.ladders import LADDERS, rungs
from kd_course.nb07_papers.laptop_ladders import PAIRS, row_gain
from kd_course.nb07_papers.rows import Ours, Row, by_name, changed, reproduction
from kd_course.nb07_papers.tables import printed
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import DecoupledKD, HintonKD, Standardised, SwapMistakes, TopK
from kd_helpers.models.towers import Towers
from kd_helpers.teachers import Mean, Team

SPEECH = "its data, thousands of hours of speech, are not public. Use --scale laptop"
WITHOUT = {
    "hinton-regulariser": SPEECH,
    "hinton-ensemble": SPEECH,
    "fukuda": SPEECH,
    "hinton-missing-class": "MNIST is not among the data sets of this course. Use --scale laptop",
}
NOT_FOUND = "The paper's settings could not be read; these are the usual ones of its data set."
OTHERWISE = (
    "Everywhere: 45,000 of the 50,000 training images, because 5,000 are held out; the last step "
    "counts, where public codes report the best one on the test images; pixels between 0 and 1, "
    "not standardised; PyTorch's initial weights, where public codes have Kaiming's for all but "
    "plain CNNs."
)


def paper_scale(title: str, differs: str, *columns: str) -> Callable[[Callable], Callable]:
    """`reproduction`, which also says what none of these does as its paper."""
    return reproduction(title, f"{differs} {OTHERWISE}", *columns)


def last(dataset: str, kind: str, *names: str, **how: Any) -> Callable[[int], Recipe]:
    """seed → the student at the end of a ladder of networks; of one name: on its labels alone."""
    return lambda seed: rungs(names, kind, dataset, seed=seed, **how)[-1]


FROM_RESNET_56 = last("cifar-10", "resnet", "resnet-56", "resnet-20")


@paper_scale(
    "Teacher, student and distilled student (Navarrete Parra 2024, plan)",
    "The plan names CIFAR-10, a residual teacher and a small student.",
)
def navarrete() -> Iterator[Row]:
    ours, labels = partial(last, "cifar-10", "resnet"), "student cnn-4, labels only"
    yield Row("teacher, resnet-56", (), ours("resnet-56"))
    yield Row(labels, (), ours("cnn-4"))
    yield Row("student cnn-4, distilled", (), ours("resnet-56", "cnn-4"), labels)


@paper_scale("Three claims (D'Amicantonio 2021, abstract)", NOT_FOUND)
def damicantonio() -> Iterator[Row]:
    plain = HintonKD(temperature=5.0, kd_weight=0.5)
    methods = {
        "standardised logits": Standardised(plain),
        "all but the 3 largest dropped": TopK(**vars(plain), count=3, lump=False),
        "mistakes swapped": SwapMistakes(plain),
    }
    yield Row("KD", (), FROM_RESNET_56)
    for name, method in methods.items():
        yield Row(name, (), changed(FROM_RESNET_56, method=method), "KD")


@paper_scale("Pictures of other things as transfer set (Kulkarni et al. 2017)", NOT_FOUND)
def mismatched() -> Iterator[Row]:
    no_labels, same = HintonKD(temperature=5.0, kd_weight=1.0), "the same images"
    taught = changed(FROM_RESNET_56, method=no_labels)
    digits, noise = (TransferSet(labelled=0, source=source) for source in ("digits", "noise"))
    yield Row(same, (), changed(taught, transfer=TransferSet(labelled=0)))
    yield Row("handwritten digits", (), changed(taught, transfer=digits), same)
    yield Row("noise", (), changed(taught, transfer=noise), same)


@paper_scale(
    "Specialists as teachers (Zaras, Passalis and Tefas 2021)",
    "The paper's settings could not be read. Its first author's public code trains for 150 passes "
    "with Adam and holds 30 % of the images out; here SGD with Nesterov momentum, 57 passes.",
    "public code",
)
def uste() -> Iterator[Row]:
    at = partial(printed, "specialists", "README", "CIFAR-10, student of 106,922 parameters")
    one, index = partial(teams.generalist, setting=teams.CIFAR_10), teams.CIFAR_10.by_index
    towers = changed(one, towers=Towers(index))
    double = changed(one, towers=Towers(index, average="probabilities"))
    labels, base = "student: labels only", "student of 5 generalists"

    def alone(seed: int) -> Recipe:
        return replace(teams.CIFAR_10.student, seed=seed)

    def five(seed: int) -> Team:
        return Mean(tuple(one(seed, member) for member in range(5)))

    def under(who: Ours) -> Ours:
        return lambda seed: replace(alone(seed), teacher=who(seed), method=HintonKD())

    yield Row(labels, (), alone)
    yield Row("teacher: towers, double softmax", at("teacher, 925,182 parameters"), double)
    yield Row(base, (), under(five), labels)
    yield Row("student of towers", (), under(towers), base)
    yield Row("student of towers, double softmax", at("KD"), under(double), base)


@paper_scale(
    "Teacher assistants (Mirzadeh et al. 2020, tables 1 to 3, figures 2 and 4)",
    "The paper searched λ, T and the seed anew for every cell; here λ = 0.5 and T = 5 throughout, "
    "and the residual networks see shifted and mirrored images.",
    "paper",
)
def takd() -> Iterator[Row]:
    families = (
        (("plain", "plain CNN", "cnn"), (10, 4, 2), "table 2", (8, 6, 4)),
        (("resnet", "ResNet", "resnet"), (110, 20, 8), "table 3", (56, 32, 20, 14)),
    )
    for (family, ladder, table, middles), data in product(families, ("10", "100")):
        (top, _, end), is_plain = ladder, family[0] == "plain"
        make = partial(takd_row, family, data)
        yield make("labels only", "table 1", "labels only", (end,), printed_as=ladder)
        yield make("direct", "table 1", "direct", (top, end), "labels only", printed_as=ladder)
        for n in middles:
            yield make(f"assistant {n}", table, "chain", (top, n, end), "direct")
        for n in (4, 6, 8) if is_plain else ():
            yield make(f"teacher {n}", "figure 2", "direct", (n, end), "direct")
        for n in (2, 4, 6, 8, 10) if is_plain else ():
            yield make(f"cnn-{n} alone", "figure 4", "labels only", (n,))


def takd_row(
    family: tuple[str, str, str],
    data: str,
    title: str,
    table: str,
    method: str,
    sizes: tuple[int, ...],
    against: str = "",
    printed_as: tuple[int, ...] = (),
) -> Row:
    """The networks' sizes are in the paper's name of the setting, by default all and no others."""
    kind, word, stem = family
    setting = f"{word} {'-'.join(map(str, printed_as or sizes))}, CIFAR-{data}"
    place, names = f"{word}, CIFAR-{data}", [f"{stem}-{size}" for size in sizes]
    number, ours = printed("takd_2020", table, setting, method), last(f"cifar-{data}", kind, *names)
    return Row(f"{place}: {title}", number, ours, against and f"{place}: {against}")


@paper_scale(
    "Every larger network teaches (Son et al. 2021, tables 1, 2, 5 and 6, figure 7)",
    "λ = 0.5 and T = 5 throughout; those of the paper could not be read.",
    "paper",
)
def dgkd() -> Iterator[Row]:
    at = partial(printed, "dgkd_2021")
    for kind, place, dataset, table in (
        ("plain", "plain CNN 10-8-6-4-2, CIFAR-100", "cifar-100", "table 1"),
        ("resnet", "ResNet 26-20-14-8, CIFAR-10", "cifar-10", "table 2"),
    ):
        ours, (top, *_, end) = partial(last, dataset, kind), LADDERS[kind]
        every = partial(ours, *LADDERS[kind])
        labels, direct, chain, dense = (
            f"{place}: {way}" for way in ("labels only", "direct", "chain", "dense")
        )
        yield Row(labels, (), ours(end))
        yield Row(direct, (), ours(top, end), labels)
        yield Row(chain, at(table, place, "chain"), every(), direct)
        yield Row(dense, at(table, place, "dense"), every(way="dense"), chain)
        for p in (0.25, 0.5, 0.75):
            number = at("table 6", place, "stochastic") if p == 0.75 else ()
            random = every(way="stochastic", survival=p)
            yield Row(f"{place}: stochastic, p = {p}", number, random, dense)
    for way in ("chain", "dense"):  # there are no plain networks of odd depth here
        seven = at("table 5", "plain CNN, seven assistants, CIFAR-100", way)
        yield Row(f"seven assistants: {way}", seven)


def decoupled(recipe: Recipe) -> Recipe:
    """Cross-entropy and soft term both with weight 1, as the paper has them: our weights add up to
    1, so the loss is half as large, and twice the rate with half the decay takes the same steps."""
    once = recipe.schedule
    rate, decay = 2 * once.learning_rate, once.weight_decay / 2
    twice = replace(once, learning_rate=rate, weight_decay=decay)
    method = DecoupledKD(temperature=4.0, kd_weight=0.5, beta=8.0, warm_up=WARM_UP / 2.4)
    return replace(recipe, schedule=twice, method=method)


@paper_scale(
    "The CIFAR-100 benchmark of losses (CRD, DKD, standardised logits)",
    "240 passes. β = 8 for all pairs, which its authors chose for each.",
    "paper",
)
def benchmark() -> Iterator[Row]:
    ours = partial(last, "cifar-100", "wide")
    # 0.1 · CE + 9 · KD, as its authors
    standard = Standardised(HintonKD(temperature=2.0, strength=10.0))
    for pair, (teacher, student) in PAIRS.items():
        kd = ours(teacher, student)
        ways = (
            ("teacher", ours(teacher), ""),
            ("labels only", ours(student), ""),
            ("KD", kd, "labels only"),
            ("DKD", lambda seed, kd=kd: decoupled(kd(seed)), "KD"),
            ("KD, standardised logits", changed(kd, method=standard), "KD"),
        )
        for way, made, base in ways:
            number = printed("cifar100_benchmark", "", f"{pair}, CIFAR-100", way)
            yield Row(f"{pair}: {way}", number, made, base and f"{pair}: {base}")


@paper_scale("A student of 1×N filters (Son et al. 2020; Son 2021)", NOT_FOUND, "abstract")
def rows() -> Iterator[Row]:
    top, both, end = "wrn-40-4", "wrn-40-4-both", "wrn-40-4-1xn"
    ours = partial(last, "cifar-100", "wide")
    yield Row("labels only", (), ours(end))
    yield Row("direct", (), ours(top, end), "labels only")
    yield Row("both branches, chain", (), ours(top, both, end), "direct")
    yield Row("both branches, and the teacher", (), ours(top, both, end, way="dense"), "direct")
    yield row_gain()


PAPER = by_name(navarrete, damicantonio, mismatched, uste, takd, dgkd, benchmark, rows)
