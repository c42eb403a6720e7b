"""The reproductions at laptop scale: the papers' questions asked of the course's stored runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from kd_course.nb02_hinton import experiments as shipped
from kd_course.nb03_confidence import experiments as shipped_confidence
from kd_course.nb04_mistakes import experiments as shipped_mistakes
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb07_papers.rows import Reproduction, Row, printed
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run
from kd_helpers.teachers import Mean

CLOTHES = "Fashion-MNIST, small networks, short trainings"


def arm(arms: Callable[[int], Mapping], name: object) -> Callable[[int], Recipe]:
    """seed → the recipe of that name."""
    return lambda seed: arms(seed)[name]


def errors(run: Run) -> float:
    """Of the 10,000 test images."""
    return round(10_000 * (1 - run.record["test"]["accuracy"]))


def hidden_errors(run: Run) -> float:
    """Of the 1,000 test images of the class that the transfer set does not show."""
    return round(1_000 * (1 - run.record["test"]["per_class"]["recall"][shipped.HIDDEN_CLASS]))


def hinton_regulariser() -> Reproduction:
    at = partial(printed, "hinton_2015", "table 5", "speech, test", unit="% of frames right")
    lab, few = partial(arm, shipped.lab_arms), "hard targets, few labels"
    return Reproduction(
        "hinton-regulariser",
        "Soft targets as regulariser (Hinton et al. 2015, table 5)",
        f"The paper: 3 % of 2,000 hours of speech. Here: 600 of 12,000 images, 5 %. {CLOTHES}.",
        ("speech, frames",),
        (
            Row(few, (at("hard targets, 3 % of the data"),), lab("600 labels")),
            Row(
                "soft targets, few labels",
                (at("soft targets, 3 % of the data"),),
                lab("600 labels + teacher"),
                against=few,
            ),
            Row(
                "the same, and the other images without labels",
                (),
                lab("600 labels + 11,400 without + teacher"),
                against=few,
            ),
            Row(
                "hard targets, all labels",
                (at("hard targets, all data"),),
                lab("12,000 labels"),
                against=few,
            ),
        ),
    )


def hinton_missing_class() -> Reproduction:
    at = partial(
        printed,
        "hinton_2015",
        "section 3",
        "MNIST, 10,000 test images, no 3 in the transfer set",
        unit="errors",
    )
    arms = partial(arm, shipped.hidden_class_arms)
    return Reproduction(
        "hinton-missing-class",
        "A class that the student never sees (Hinton et al. 2015, section 3)",
        "The paper: digits without any 3; 1,010 of the test images are 3s. Here: clothes without one "
        f"class, 1,000 of the test images. {CLOTHES}. The bias of the hidden class is not changed afterwards: "
        "the paper's was chosen on the test set.",
        ("MNIST",),
        (
            Row("labels only: errors", (None,), arms("labels only"), errors, "errors"),
            Row(
                "soft targets: errors",
                (at("soft targets"),),
                arms("teacher only"),
                errors,
                "errors",
                "labels only: errors",
                smaller_is_better=True,
            ),
            Row(
                "labels only: errors on the hidden class",
                (None,),
                arms("labels only"),
                hidden_errors,
                "errors",
            ),
            Row(
                "soft targets: errors on the hidden class",
                (at("soft targets, errors on the 1010 threes"),),
                arms("teacher only"),
                hidden_errors,
                "errors",
                "labels only: errors on the hidden class",
                smaller_is_better=True,
            ),
            Row(
                "soft targets, bias raised: errors",
                (at("bias of class 3 raised by 3.5 (chosen on the test set)"),),
                unit="errors",
            ),
            Row(
                "soft targets, bias raised: errors on the hidden class",
                (at("bias of class 3 raised by 3.5, errors on the 1010 threes"),),
                unit="errors",
            ),
        ),
    )


def hinton_ensemble() -> Reproduction:
    at = partial(printed, "hinton_2015", "table 1", "speech", unit="% of frames right")
    five = lambda seed: Mean(tuple(teams.generalist(seed, m) for m in range(5)))  # noqa: E731
    student = partial(arm, teams.student_arms)
    return Reproduction(
        "hinton-ensemble",
        "An ensemble and the network distilled from it (Hinton et al. 2015, table 1)",
        "The paper: ten networks of 85 million parameters, distilled into one of the same size. Here: "
        f"five cnn-2 with 54,000 images, distilled into a cnn-2 with 2,000. {CLOTHES}.",
        ("speech, frames",),
        (
            Row("one network", (at("one network"),), teams.generalist),
            Row("ensemble", (at("ensemble of 10"),), five, against="one network"),
            Row("student, labels only", (None,), student("hard labels")),
            Row(
                "student, distilled from the ensemble",
                (at("distilled"),),
                student("5 generalists, arithmetic"),
                against="student, labels only",
            ),
        ),
    )


def navarrete() -> Reproduction:
    """Teacher, student and distilled student by every measure of the project's plan."""
    networks = {
        "teacher": lambda _: shipped.TEACHER,
        "student, labels only": arm(shipped.full_arms, "student, hard labels"),
        "student, distilled": arm(shipped.full_arms, "student, distilled"),
    }
    measures = {
        "accuracy": (lambda run: run.accuracy, "% right"),
        **{f"macro {m}": (partial(macro, m), "%") for m in ("precision", "recall", "f1")},
        "256 images": (partial(latency, 256), "ms"),
        "1 image": (partial(latency, 1), "ms"),
    }
    rows = [
        Row(
            f"{who}: {what}",
            (),
            once(ours) if unit == "ms" else ours,
            measure,
            unit,
            "student, labels only: " + what if who == "student, distilled" and unit != "ms" else "",
        )
        for what, (measure, unit) in measures.items()
        for who, ours in networks.items()
    ]
    return Reproduction(
        "navarrete",
        "Teacher, student and distilled student (Navarrete Parra 2024, plan)",
        "The plan names CIFAR-10 and gives no results. Macro recall is accuracy where all classes are "
        f"equally frequent, as here. {CLOTHES}.",
        (),
        tuple(rows),
    )


def once(ours: Callable[[int], Recipe]) -> Callable[[int], Recipe]:
    """The first seed's, for all: the speed of a network is timed once for each kind."""
    return lambda _: ours(0)


def macro(name: str, run: Run) -> float:
    return 100 * run.record["test"]["macro"][name]


def latency(batch_size: int, run: Run) -> float:
    """Stored, in milliseconds, of the machine that the record names."""
    return next(e["median_ms"] for e in run.record["latency"] if e["batch_size"] == batch_size)


def damicantonio() -> Reproduction:
    treated, entries = (
        partial(arm, f) for f in (shipped_confidence.treatment_arms, shipped_confidence.entry_arms)
    )
    corrected, names = partial(arm, shipped_mistakes.correction_arms), {}
    names["(i) confident answers: all"] = treated("KD")
    for name in ("standardised logits", "decoupled, β = 1", "less sure than 0.9 only"):
        names[f"(i) confident answers: {name}"] = treated(name)
    names["(ii) small entries: kept"] = treated("KD")
    for count in (2, 3, 5):
        names[f"(ii) small entries: all but the {count} largest dropped"] = entries(
            ("rest dropped", count)
        )
    for who in ("well fitted", "50 % random labels"):
        for way in ("uncorrected", "swap", "replace"):
            names[f"(iii) teacher {who}: {way}"] = corrected((who, way))
    first = {"(i)": "(i) confident answers: all", "(ii)": "(ii) small entries: kept"}
    rows = []
    for title, ours in names.items():
        base = first.get(title.split()[0], title.rpartition(":")[0] + ": uncorrected")
        rows.append(Row(title, (), ours, against="" if base == title else base))
    return Reproduction(
        "damicantonio",
        "Three claims (D'Amicantonio 2021, abstract)",
        "Only the abstract could be read: it names the claims, not the methods nor a number. The arms "
        f"are documented methods that make each claim concrete (notebooks 03 and 04). {CLOTHES}.",
        (),
        tuple(rows),
    )


def fukuda() -> Reproduction:
    student, mean = partial(arm, teams.student_arms), "mean of the teachers"
    return Reproduction(
        "fukuda",
        "Strategies for several teachers (Fukuda et al. 2017)",
        f"The paper: speech; its table could not be read. {CLOTHES}.",
        (),
        (
            Row("labels only", (), student("hard labels")),
            Row(mean, (), student("3 generalists, arithmetic"), against="labels only"),
            Row("one teacher a mini-batch", (), student("3 generalists, switched"), against=mean),
            Row(
                "every image once with each teacher",
                (),
                student("3 generalists, once each"),
                against=mean,
            ),
            Row(
                "weighted by confidence (CA-MKD)",
                (),
                student("3 generalists, by confidence"),
                against=mean,
            ),
        ),
    )


def mismatched() -> Reproduction:
    source = partial(arm, shipped.source_arms)
    right = "unlabelled clothes"
    return Reproduction(
        "mismatched",
        "Pictures of other things as transfer set (Kulkarni et al. 2017)",
        f"The paper's numbers could not be read. The student sees no label at all. {CLOTHES}.",
        (),
        (
            Row(right, (), source("12,000 clothes")),
            Row("handwritten digits", (), source("1,797 digits"), against=right),
            Row("noise", (), source("12,000 noise pictures"), against=right),
        ),
    )


def uste() -> Reproduction:
    student, base = partial(arm, teams.student_arms), "3 generalists, arithmetic"
    names = (
        "one small network",
        "one big network",
        "5 generalists, arithmetic",
        "specialists, joint",
        "specialists, selective",
        "towers by index",
        "towers by cluster",
        teams.DOUBLE,
    )
    at = partial(printed, "specialists", "README", "CIFAR-10, student of 106,922 parameters")
    return Reproduction(
        "uste",
        "Specialists as teachers (Zaras, Passalis and Tefas 2021)",
        "The paper's tables could not be read; the numbers are those of its first author's public "
        "code, one run, which does not say which of the code's teachers it used; they stand beside "
        f"its second version's, with the double softmax. {CLOTHES}.",
        ("CIFAR-10, public code",),
        (
            Row("teacher: towers by index", (None,), arm(teams.tower_teachers, "towers by index")),
            Row(
                f"teacher: {teams.DOUBLE}",
                (at("teacher, 925,182 parameters"),),
                arm(teams.tower_teachers, teams.DOUBLE),
                against="teacher: towers by index",
            ),
            Row("student: labels only", (None,), student("hard labels")),
            Row(f"student of {base}", (None,), student(base)),
            *(
                Row(
                    f"student of {name}",
                    (at("KD") if name == teams.DOUBLE else None,),
                    student(name),
                    against=f"student of {base}",
                )
                for name in names
            ),
            Row("student by KD and PKT", (at("KD and PKT"),)),
        ),
    )
