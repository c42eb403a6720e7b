"""The reproductions at laptop scale: the papers' questions asked of the course's stored runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product

from kd_course.nb02_hinton import experiments as hinton
from kd_course.nb03_confidence import experiments as confidence
from kd_course.nb04_mistakes import experiments as mistakes
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb07_papers.rows import Ours, Row, accuracy, arm, by_name, reproduction
from kd_course.nb07_papers.tables import printed
from kd_helpers.experiments.run import Run

CLOTHES = "Fashion-MNIST, small networks, short trainings"


def errors(run: Run) -> float:
    """Of the 10,000 test images."""
    return round(10_000 * (1 - run.record["test"]["accuracy"]))


def hidden_errors(run: Run) -> float:
    """Of the 1,000 test images of the class that the transfer set does not show."""
    return round(1_000 * (1 - run.record["test"]["per_class"]["recall"][hinton.HIDDEN_CLASS]))


@reproduction(
    "Soft targets as regulariser (Hinton et al. 2015, table 5)",
    f"The paper: 3 % of 2,000 hours of speech. Here: 600 of 12,000 images, 5 %. {CLOTHES}.",
    "speech, frames",
)
def hinton_regulariser() -> Iterator[Row]:
    at = partial(printed, "hinton_2015", "table 5", "speech, test", unit="% of frames right")
    ours, few = partial(arm, hinton.lab_arms), "hard targets, few labels"
    soft, all_labels = "soft targets, 3 % of the data", "hard targets, all data"
    unlabelled = ours("600 labels + 11,400 without + teacher")
    yield Row(few, at("hard targets, 3 % of the data"), ours("600 labels"))
    yield Row("soft targets, few labels", at(soft), ours("600 labels + teacher"), few)
    yield Row("the same, and the other images without labels", (), unlabelled, few)
    yield Row("hard targets, all labels", at(all_labels), ours("12,000 labels"), few)


@reproduction(
    "A class that the student never sees (Hinton et al. 2015, section 3)",
    "The paper: digits without any 3; 1,010 of the test images are 3s. Here: clothes without "
    f"one class, 1,000 of the test images. {CLOTHES}. The bias of the hidden class is not "
    "changed afterwards: the paper's was chosen on the test set.",
    "MNIST",
)
def hinton_missing_class() -> Iterator[Row]:
    digits = "MNIST, 10,000 test images, no 3 in the transfer set"
    at = partial(printed, "hinton_2015", "section 3", digits, unit="errors")
    labels = arm(hinton.hidden_class_arms, "labels only")
    taught = arm(hinton.hidden_class_arms, "teacher only")
    every = partial(Row, unit="errors", measure=errors)
    hidden = partial(Row, unit="errors", measure=hidden_errors)
    base, raised = "labels only: errors", "bias of class 3 raised by 3.5"
    one_class, threes = "on the hidden class", "errors on the 1010 threes"
    yield every(base, (), labels)
    yield every("soft targets: errors", at("soft targets"), taught, base)
    yield hidden(f"{base} {one_class}", (), labels)
    soft = at(f"soft targets, {threes}")
    yield hidden(f"soft targets: errors {one_class}", soft, taught, f"{base} {one_class}")
    yield every("soft targets, bias raised: errors", at(f"{raised} (chosen on the test set)"))
    yield hidden(f"soft targets, bias raised: errors {one_class}", at(f"{raised}, {threes}"))


@reproduction(
    "An ensemble and the network distilled from it (Hinton et al. 2015, table 1)",
    "The paper: ten networks of 85 million parameters, distilled into one of the same size. "
    f"Here: five cnn-2 with 54,000 images, distilled into a cnn-2 with 2,000. {CLOTHES}.",
    "speech, frames",
)
def hinton_ensemble() -> Iterator[Row]:
    at = partial(printed, "hinton_2015", "table 1", "speech", unit="% of frames right")
    labels, five = "student, labels only", "5 generalists, arithmetic"
    ensemble, taught = (arm(arms, five) for arms in (teams.teachers, teams.student_arms))
    yield Row("one network", at("one network"), teams.generalist)
    yield Row("ensemble", at("ensemble of 10"), ensemble, "one network")
    yield Row(labels, (), arm(teams.student_arms, "hard labels"))
    yield Row("student, distilled from the ensemble", at("distilled"), taught, labels)


@reproduction(
    "Teacher, student and distilled student (Navarrete Parra 2024, plan)",
    "The plan names CIFAR-10 and gives no results. Macro recall is accuracy where all classes "
    f"are equally frequent, as here. {CLOTHES}.",
)
def navarrete() -> Iterator[Row]:
    """Teacher, student and distilled student by every measure of the project's plan."""
    yield from by_every_measure(
        {
            "teacher": lambda _: hinton.TEACHER,
            "student, labels only": arm(hinton.full_arms, "student, hard labels"),
            "student, distilled": arm(hinton.full_arms, "student, distilled"),
        }
    )


def by_every_measure(networks: Mapping[str, Ours]) -> Iterator[Row]:
    """Quality, then speed, of a teacher or two and of "student, labels only" and "…, distilled"."""
    shares: dict[str, tuple[Callable[[Run], float], str]] = {
        "accuracy": (accuracy, "% right"),
        **{f"macro {m}": (partial(macro, m), "%") for m in ("precision", "recall", "f1")},
    }
    for (what, (measure, unit)), (who, ours) in product(shares.items(), networks.items()):
        against = f"student, labels only: {what}" if who == "student, distilled" else ""
        yield Row(f"{who}: {what}", (), ours, against, unit, measure)
    for (what, size), who in product({"256 images": 256, "1 image": 1}.items(), networks):
        measure = partial(latency, size)
        yield Row(f"{who}: {what}", (), first(networks[who]), "", "ms", measure)


def first(ours: Ours) -> Ours:
    """The first seed's, for all: the speed of a network is timed once for each kind."""
    return lambda seed: ours(0)


def macro(name: str, run: Run) -> float:
    return 100 * run.record["test"]["macro"][name]


def latency(batch_size: int, run: Run) -> float:
    """Stored, in milliseconds, of the machine that the record names."""
    return next(e["median_ms"] for e in run.record["latency"] if e["batch_size"] == batch_size)


@reproduction(
    "Three claims (D'Amicantonio 2021, abstract)",
    "Only the abstract could be read: it names the claims, not the methods nor a number. The "
    "arms are documented methods that make each claim concrete (notebooks 03 and 04). "
    f"{CLOTHES}.",
)
def damicantonio() -> Iterator[Row]:
    treated, dropped = partial(arm, confidence.treatment_arms), partial(arm, confidence.entry_arms)
    corrected = partial(arm, mistakes.correction_arms)
    everything, kept = "(i) confident answers: all", "(ii) small entries: kept"
    yield Row(everything, (), treated("KD"))
    for name in ("standardised logits", "decoupled, β = 1", "less sure than 0.9 only"):
        yield Row(f"(i) confident answers: {name}", (), treated(name), everything)
    yield Row(kept, (), treated("KD"))
    for n in (2, 3, 5):
        title = f"(ii) small entries: all but the {n} largest dropped"
        yield Row(title, (), dropped(("rest dropped", n)), kept)
    for who in ("well fitted", "50 % random labels"):
        base = f"(iii) teacher {who}: uncorrected"
        yield Row(base, (), corrected((who, "uncorrected")))
        for way in ("swap", "replace"):
            yield Row(f"(iii) teacher {who}: {way}", (), corrected((who, way)), base)


@reproduction(
    "Strategies for several teachers (Fukuda et al. 2017)",
    f"The paper: speech; its table could not be read. {CLOTHES}.",
)
def fukuda() -> Iterator[Row]:
    ours, mean = partial(arm, teams.student_arms), "mean of the teachers"
    once_each, weighted = ours("3 generalists, once each"), ours("3 generalists, by confidence")
    yield Row("labels only", (), ours("hard labels"))
    yield Row(mean, (), ours("3 generalists, arithmetic"), "labels only")
    yield Row("one teacher a mini-batch", (), ours("3 generalists, switched"), mean)
    yield Row("every image once with each teacher", (), once_each, mean)
    yield Row("weighted by confidence (CA-MKD)", (), weighted, mean)


@reproduction(
    "Pictures of other things as transfer set (Kulkarni et al. 2017)",
    f"The paper's numbers could not be read. The student sees no label at all. {CLOTHES}.",
)
def mismatched() -> Iterator[Row]:
    ours, right = partial(arm, hinton.source_arms), "unlabelled clothes"
    yield Row(right, (), ours("12,000 clothes"))
    yield Row("handwritten digits", (), ours("1,797 digits"), right)
    yield Row("noise", (), ours("12,000 noise pictures"), right)


@reproduction(
    "Specialists as teachers (Zaras, Passalis and Tefas 2021)",
    "The paper's tables could not be read; the numbers are those of its first author's public "
    "code, one run, which does not say which of the code's teachers it used; they stand beside "
    f"its second version's, with the double softmax. {CLOTHES}.",
    "CIFAR-10, public code",
)
def uste() -> Iterator[Row]:
    at = partial(printed, "specialists", "README", "CIFAR-10, student of 106,922 parameters")
    student, teacher = partial(arm, teams.student_arms), partial(arm, teams.teachers)
    double, mean, towers = teams.DOUBLE, "3 generalists, arithmetic", "towers by index"
    big, base = at("teacher, 925,182 parameters"), f"student of {mean}"
    names = (
        "one small network",
        "one big network",
        "5 generalists, arithmetic",
        "specialists, joint",
        "specialists, selective",
        towers,
        "towers by cluster",
    )
    yield Row(f"teacher: {towers}", (), teacher(towers))
    yield Row(f"teacher: {double}", big, teacher(double), f"teacher: {towers}")
    yield Row("student: labels only", (), student("hard labels"))
    yield Row(base, (), student(mean))
    for name in names:
        yield Row(f"student of {name}", (), student(name), base)
    yield Row(f"student of {double}", at("KD"), student(double), base)
    yield Row("student by KD and PKT", at("KD and PKT"))


HINTON = by_name(hinton_regulariser, hinton_missing_class, hinton_ensemble)
OTHERS = by_name(navarrete, damicantonio, fukuda, mismatched, uste)
