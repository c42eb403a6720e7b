"""The reproductions at paper scale: the papers' data sets, networks and settings, for a GPU.

No run of these is stored. What cannot be done with public data sets is in `WITHOUT`, with the
reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kd_course.nb03_confidence.experiments import WARM_UP
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb07_papers.ladders import augmentation_of, schedule_of, teaching_of
from kd_course.nb07_papers.laptop_ladders import PAIRS, row_gain
from kd_course.nb07_papers.rows import Reproduction, Row, printed
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import climb
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import (
    DecoupledKD,
    DenselyGuidedKD,
    HintonKD,
    Standardised,
    SwapMistakes,
    TopK,
)
from kd_helpers.methods.method import with_settings_of
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


def base_of(student: str, dataset: str, kind: str, seed: int) -> Recipe:
    """A network on its labels; kind: as in `paper_ladders.LADDERS`, for schedule and
    augmentation."""
    how = {
        "schedule": schedule_of(kind, dataset, "paper"),
        "augmentation": augmentation_of(kind, dataset, "paper"),
    }
    return Recipe(student=student, seed=seed, dataset=dataset, **how)


def rung(
    names: tuple[str, ...], way: str, dataset: str, kind: str, survival: float | None = None
) -> Callable[[int], Recipe]:
    """seed → the student at the end of a ladder; of one name: on its labels alone."""

    def of_seed(seed: int) -> Recipe:
        base = base_of(names[0], dataset, kind, seed)
        if len(names) == 1:
            return base
        teaching = teaching_of(kind, dataset, way, "paper")
        if survival is not None:
            teaching["sources"] = DenselyGuidedKD(survival=survival)
        return climb(names, way, base=base, **teaching)[-1]

    return of_seed


def takd() -> Reproduction:
    at, rows = partial(printed, "takd_2020"), []
    families = (
        ("plain", "plain CNN", "cnn-", (10, 2), (8, 6, 4)),
        ("resnet", "ResNet", "resnet-", (110, 8), (56, 32, 20, 14)),
    )
    for kind, word, stem, (top, end), middles in families:
        for data, dataset in (("CIFAR-10", "cifar-10"), ("CIFAR-100", "cifar-100")):
            place, name = f"{word}, {data}", f"{top}-{4 if kind == 'plain' else 20}-{end}"
            found = partial(at, "table 1", f"{word} {name}, {data}")
            labels, direct = f"{place}: labels only", f"{place}: direct"
            ends = (f"{stem}{top}", f"{stem}{end}")
            rows += [
                Row(labels, (found("labels only"),), rung(ends[1:], "direct", dataset, kind)),
                Row(
                    direct, (found("direct"),), rung(ends, "direct", dataset, kind), against=labels
                ),
            ]
            for middle in middles:
                where = at(
                    "table 2" if kind == "plain" else "table 3",
                    f"{word} {top}-{middle}-{end}, {data}",
                    "chain",
                )
                names = (ends[0], f"{stem}{middle}", ends[1])
                rows.append(
                    Row(
                        f"{place}: assistant {middle}",
                        (where,),
                        rung(names, "chain", dataset, kind),
                        against=direct,
                    )
                )
            for teacher in (4, 6, 8) if kind == "plain" else ():
                where = at("figure 2", f"{word} {teacher}-{end}, {data}", "direct")
                names = (f"{stem}{teacher}", ends[1])
                rows.append(
                    Row(
                        f"{place}: teacher {teacher}",
                        (where,),
                        rung(names, "direct", dataset, kind),
                        against=direct,
                    )
                )
            for size in (2, 4, 6, 8, 10) if kind == "plain" else ():
                where = at("figure 4", f"{word} {size}, {data}", "labels only")
                rows.append(
                    Row(
                        f"{place}: cnn-{size} alone",
                        (where,),
                        rung((f"cnn-{size}",), "direct", dataset, kind),
                    )
                )
    return Reproduction(
        "takd",
        "Teacher assistants (Mirzadeh et al. 2020, tables 1 to 3, figures 2 and 4)",
        "The paper searched λ, T and the seed anew for every cell; here λ = 0.5 and T = 5 throughout, "
        "and the residual networks see shifted and mirrored images.",
        ("paper",),
        tuple(rows),
    )


def dgkd() -> Reproduction:
    at, rows = partial(printed, "dgkd_2021"), []
    families = (
        (
            "plain",
            "plain CNN 10-8-6-4-2, CIFAR-100",
            "cifar-100",
            ("cnn-10", "cnn-8", "cnn-6", "cnn-4", "cnn-2"),
            "table 1",
        ),
        (
            "resnet",
            "ResNet 26-20-14-8, CIFAR-10",
            "cifar-10",
            ("resnet-26", "resnet-20", "resnet-14", "resnet-8"),
            "table 2",
        ),
    )
    for kind, place, dataset, names, table in families:
        rows += [
            Row(f"{place}: labels only", (None,), rung(names[-1:], "direct", dataset, kind)),
            Row(
                f"{place}: direct",
                (None,),
                rung((names[0], names[-1]), "direct", dataset, kind),
                against=f"{place}: labels only",
            ),
            Row(
                f"{place}: chain",
                (at(table, place, "chain"),),
                rung(names, "chain", dataset, kind),
                against=f"{place}: direct",
            ),
            Row(
                f"{place}: dense",
                (at(table, place, "dense"),),
                rung(names, "dense", dataset, kind),
                against=f"{place}: chain",
            ),
        ]
        for p in (0.25, 0.5, 0.75):
            number = at("table 6", place, "stochastic") if p == 0.75 else None
            rows.append(
                Row(
                    f"{place}: stochastic, p = {p}",
                    (number,),
                    rung(names, "stochastic", dataset, kind, p),
                    against=f"{place}: dense",
                )
            )
    for way in ("chain", "dense"):  # there are no plain networks of odd depth here
        number = at("table 5", "plain CNN, seven assistants, CIFAR-100", way)
        rows.append(Row(f"seven assistants: {way}", (number,)))
    return Reproduction(
        "dgkd",
        "Every larger network teaches (Son et al. 2021, tables 1, 2, 5 and 6, figure 7)",
        "λ = 0.5 and T = 5 throughout; those of the paper could not be read.",
        ("paper",),
        tuple(rows),
    )


STEMS = {"ResNet": "resnet-", "WRN": "wrn-", "VGG": "vgg-"}


def networks_of(pair: str) -> tuple[str, str]:
    """ "WRN 40-2 to 16-2" → ("wrn-40-2", "wrn-16-2"); "VGG 13-8" → ("vgg-13", "vgg-8")."""
    family, _, rest = pair.partition(" ")
    teacher, student = rest.split(" to ") if " to " in rest else rest.split("-")
    return STEMS[family] + teacher, STEMS[family] + student


def decoupled(recipe: Recipe) -> Recipe:
    """Cross-entropy and soft term both with weight 1, as the paper has them: our weights add up to
    1, so the loss is half as large, and twice the rate with half the decay takes the same steps."""
    schedule = recipe.schedule
    double = replace(
        schedule, learning_rate=2 * schedule.learning_rate, weight_decay=schedule.weight_decay / 2
    )
    method = DecoupledKD(temperature=4.0, kd_weight=0.5, beta=8.0, warm_up=WARM_UP / 2.4)
    return replace(recipe, schedule=double, method=method)


def benchmark() -> Reproduction:
    rows = []
    for pair in PAIRS:
        teacher, student = networks_of(pair)
        at = partial(printed, "cifar100_benchmark", "", f"{pair}, CIFAR-100")
        alone = rung((student,), "direct", "cifar-100", "wide")
        kd = rung((teacher, student), "direct", "cifar-100", "wide")
        # 0.1 · CE + 9 · KD, as its authors
        standard = Standardised(HintonKD(temperature=2.0, strength=10.0))
        ways = {
            "teacher": rung((teacher,), "direct", "cifar-100", "wide"),
            "labels only": alone,
            "KD": kd,
            "DKD": lambda seed, kd=kd: decoupled(kd(seed)),
            "KD, standardised logits": lambda seed, kd=kd, s=standard: replace(kd(seed), method=s),
        }
        base = {"KD": "labels only", "DKD": "KD", "KD, standardised logits": "KD"}
        rows += [
            Row(
                f"{pair}: {way}",
                (at(way),),
                ours,
                against=f"{pair}: {base[way]}" if way in base else "",
            )
            for way, ours in ways.items()
        ]
    return Reproduction(
        "benchmark",
        "The CIFAR-100 benchmark of losses (CRD, DKD, standardised logits)",
        "240 passes, the last step; the papers report the best step on the test images. β = 8 for all "
        "pairs, which its authors chose for each.",
        ("paper",),
        tuple(rows),
    )


def navarrete() -> Reproduction:
    ways = {
        "teacher, resnet-56": rung(("resnet-56",), "direct", "cifar-10", "resnet"),
        "student cnn-4, labels only": rung(("cnn-4",), "direct", "cifar-10", "resnet"),
        "student cnn-4, distilled": rung(("resnet-56", "cnn-4"), "direct", "cifar-10", "resnet"),
    }
    student = "student cnn-4, labels only"
    rows = tuple(
        Row(name, (), ours, against=student if "distilled" in name else "")
        for name, ours in ways.items()
    )
    return Reproduction(
        "navarrete",
        "Teacher, student and distilled student (Navarrete Parra 2024, plan)",
        "The plan names CIFAR-10, a residual teacher and a small student.",
        (),
        rows,
    )


def damicantonio() -> Reproduction:
    kd = rung(("resnet-56", "resnet-20"), "direct", "cifar-10", "resnet")
    plain = HintonKD(temperature=5.0, kd_weight=0.5)
    methods = {
        "KD": plain,
        "standardised logits": Standardised(plain),
        "all but the 3 largest dropped": with_settings_of(plain, TopK, count=3, lump=False),
        "mistakes swapped": SwapMistakes(plain),
    }
    rows = tuple(
        Row(
            name,
            (),
            lambda seed, method=method: replace(kd(seed), method=method),
            against="" if name == "KD" else "KD",
        )
        for name, method in methods.items()
    )
    return Reproduction(
        "damicantonio", "Three claims (D'Amicantonio 2021, abstract)", NOT_FOUND, (), rows
    )


def mismatched() -> Reproduction:
    kd = rung(("resnet-56", "resnet-20"), "direct", "cifar-10", "resnet")
    sets = {
        "the same images": TransferSet(labelled=0),
        "handwritten digits": TransferSet(labelled=0, source="digits"),
        "noise": TransferSet(labelled=0, source="noise"),
    }
    rows = tuple(
        Row(
            name,
            (),
            lambda seed, t=t: replace(
                kd(seed), transfer=t, method=HintonKD(temperature=5.0, kd_weight=1.0)
            ),
            against="" if name == "the same images" else "the same images",
        )
        for name, t in sets.items()
    )
    return Reproduction(
        "mismatched",
        "Pictures of other things as transfer set (Kulkarni et al. 2017)",
        NOT_FOUND,
        (),
        rows,
    )


def uste() -> Reproduction:
    setting, rows = teams.CIFAR_10, []
    alone = lambda seed: replace(setting.student, seed=seed)  # noqa: E731
    ways = {
        "5 generalists": lambda seed: Mean(
            tuple(teams.generalist(seed, m, setting) for m in range(5))
        ),
        "towers": lambda seed: replace(
            teams.generalist(seed, 0, setting), towers=Towers(setting.by_index)
        ),
        "towers, double softmax": lambda seed: replace(
            teams.generalist(seed, 0, setting),
            towers=Towers(setting.by_index, average="probabilities"),
        ),
    }

    def under(who: Callable[[int], Recipe | Team]) -> Callable[[int], Recipe]:
        return lambda seed: replace(alone(seed), teacher=who(seed), method=HintonKD())

    at = partial(printed, "specialists", "README", "CIFAR-10, student of 106,922 parameters")
    rows = [
        Row("student: labels only", (None,), alone),
        Row(
            "teacher: towers, double softmax",
            (at("teacher, 925,182 parameters"),),
            ways["towers, double softmax"],
        ),
    ]
    for name, who in ways.items():
        number = at("KD") if name == "towers, double softmax" else None
        against = "student: labels only" if name == "5 generalists" else "student of 5 generalists"
        rows.append(Row(f"student of {name}", (number,), under(who), against=against))
    return Reproduction(
        "uste",
        "Specialists as teachers (Zaras, Passalis and Tefas 2021)",
        NOT_FOUND,
        ("public code",),
        tuple(rows),
    )


def rows() -> Reproduction:
    top, end, both, kind = "wrn-40-4", "wrn-40-4-1xn", "wrn-40-4-both", "wide"
    ways = {
        "labels only": rung((end,), "direct", "cifar-100", kind),
        "direct": rung((top, end), "direct", "cifar-100", kind),
        "both branches, chain": rung((top, both, end), "chain", "cifar-100", kind),
        "both branches, and the teacher": rung((top, both, end), "dense", "cifar-100", kind),
    }
    made = tuple(
        Row(
            name,
            (),
            ours,
            against={"direct": "labels only"}.get(name, "direct" if name != "labels only" else ""),
        )
        for name, ours in ways.items()
    )
    return Reproduction(
        "rows",
        "A student of 1×N filters (Son et al. 2020; Son 2021)",
        NOT_FOUND,
        ("abstract",),
        (*made, row_gain()),
    )


PAPER = {
    make.__name__: make
    for make in (navarrete, damicantonio, mismatched, uste, takd, dgkd, benchmark, rows)
}
