"""The same for assistants, the 1×N filters and the benchmark of losses: notebooks 03 and 06."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kd_course.nb03_confidence import experiments as confidence
from kd_course.nb06_assistants import experiments as ladders
from kd_course.nb07_papers.laptop import CLOTHES
from kd_course.nb07_papers.rows import Row, arm, by_name, reproduction
from kd_course.nb07_papers.tables import printed
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.run import Run, dataset_of, load_or_train

WAYS = ("chain", "dense")
PAIRS = {
    "ResNet 56-20": ("resnet-56", "resnet-20"),
    "ResNet 110-20": ("resnet-110", "resnet-20"),
    "ResNet 110-32": ("resnet-110", "resnet-32"),
    "ResNet 32x4-8x4": ("resnet-32x4", "resnet-8x4"),
    "WRN 40-2 to 16-2": ("wrn-40-2", "wrn-16-2"),
    "WRN 40-2 to 40-1": ("wrn-40-2", "wrn-40-1"),
    "VGG 13-8": ("vgg-13", "vgg-8"),
}


@reproduction(
    "Teacher assistants (Mirzadeh et al. 2020, tables 1 to 3, figures 2 and 4)",
    "The paper: teacher cnn-10, student cnn-2, the best of a search over λ, T and the seed. "
    "Here: teacher ResNet-20, student cnn-2 with 2,000 images, T and α fixed; residual ladders "
    f"at the papers' scale only. {CLOTHES}.",
    "CIFAR-10",
    "CIFAR-100",
)
def takd() -> Iterator[Row]:
    at, large = partial(printed, "takd_2020", of=("CIFAR-10", "CIFAR-100")), ladders.LARGE
    student, gap = partial(arm, ladders.ladder_arms), partial(arm, ladders.gap_arms)
    alone, direct_arm = partial(arm, ladders.gap_teachers), student((large, (), "direct"))
    hard = arm(ladders.ablation_arms, "hard labels")
    labels, direct = "student, labels only", "student of the large teacher"
    again = "the same in figure 2, which table 1 contradicts"
    plain = lambda table, sizes, way: at(table, f"plain CNN {sizes}, {{}}", way)  # noqa: E731
    residual = lambda table, sizes, way: at(table, f"ResNet {sizes}, {{}}", way)  # noqa: E731
    yield Row(labels, plain("table 1", "10-4-2", "labels only"), hard)
    yield Row(direct, plain("table 1", "10-4-2", "direct"), direct_arm, labels)
    for n in (8, 6, 4):
        title, taught = f"student of cnn-{n}, which the large one taught", (f"cnn-{n}",)
        numbers = plain("table 2", f"10-{n}-2", "chain")
        yield Row(title, numbers, student((large, taught, "chain")), direct)
    yield Row(again, plain("figure 2", "10-2", "direct"), direct_arm)
    for n in (4, 6, 8):
        numbers = plain("figure 2", f"{n}-2", "direct")
        title = f"student of cnn-{n}, which nobody taught"
        yield Row(title, numbers, gap(f"cnn-{n}"), again)
    for n in (2, 4, 6, 8, 10):
        title, ours = f"cnn-{n}, all images, labels only (figure 4)", alone(f"cnn-{n}")
        yield Row(title, plain("figure 4", n, "labels only"), ours if n < 10 else None)
    yield Row("resnet-8, labels only", residual("table 1", "110-20-8", "labels only"))
    yield Row("resnet-8, student of resnet-110", residual("table 1", "110-20-8", "direct"))
    for n in (56, 32, 20, 14):
        title = f"resnet-8, student of resnet-{n}, which resnet-110 taught"
        yield Row(title, residual("table 3", f"110-{n}-8", "chain"))


def shared_errors(run: Run) -> float:
    """Of the test errors of the student or of the large teacher, those of both (the paper's figure
    4)."""
    labels = dataset_of(run.recipe).test.labels.cpu()
    teacher = load_or_train(ladders.TEACHER, quiet=True)
    return 100 * error_overlap(run.answers(), teacher.answers(), labels)


@reproduction(
    "Every larger network teaches (Son et al. 2021, tables 1, 2, 5 and 6, figures 4 and 7)",
    "The paper: four networks above the student. Here: ResNet-20, cnn-8, cnn-6, cnn-4 above "
    f"cnn-2, which has 2,000 images. {CLOTHES}.",
    "plain, CIFAR-100",
    "ResNet, CIFAR-10",
)
def dgkd() -> Iterator[Row]:
    plain, residual = "plain CNN 10-8-6-4-2, CIFAR-100", "ResNet 26-20-14-8, CIFAR-10"
    at, seven = partial(printed, "dgkd_2021"), "plain CNN, seven assistants, CIFAR-100"
    arms, student = partial(arm, ladders.ablation_arms), partial(arm, ladders.ladder_arms)
    labels, direct, chain, dense = "labels only", "direct", "chain (TAKD)", "dense (DGKD)"
    one_out = "exactly one left out (public code)"
    both = {way: at("table 1", plain, way) + at("table 2", residual, way) for way in WAYS}
    random = at("table 6", plain, "stochastic") + at("table 6", residual, "stochastic")
    yield Row(labels, (), arms("hard labels"))
    yield Row(direct, (), arms("direct"), labels)
    yield Row(chain, both["chain"], arms("chain"), direct)
    yield Row(dense, both["dense"], arms("dense"), chain)
    yield Row("stochastic, p = 0.75", random, arms("survival 0.75"), dense)
    yield Row("stochastic, p = 0.5", (), arms("survival 0.5"), dense)
    yield Row("stochastic, p = 0.25", (), arms("survival 0.25"), dense)
    yield Row(one_out, (), arms("one of four removed"), dense)
    yield Row("dense, mean of the terms", (), arms("dense, mean"), chain)
    for said, some in (("1 assistant", ("cnn-4",)), ("2 assistants", ("cnn-6", "cnn-4"))):
        for way in WAYS:
            yield Row(f"{way}, {said}", (), student((ladders.LARGE, some, way)), direct)
    for way in WAYS:
        shared = f"{way}: errors shared with the teacher"
        yield Row(shared, (), arms(way), "", "% of errors", shared_errors)
    for way in WAYS:
        yield Row(f"{way}, seven assistants", (*at("table 5", seven, way), None))


@reproduction(
    "The CIFAR-100 benchmark of losses (CRD, DKD, standardised logits)",
    "The papers: seven pairs of networks, 240 passes, the best step on the test images. Here: "
    "ResNet-20 and cnn-2 with 2,000 images. AT, RKD and PKT stand beside the labels alone, as "
    "there. Our hint (FitNets, notebook 03) is followed by KD, theirs is not. CRD needs a bank of "
    f"the features of all images, which a method here cannot keep. {CLOTHES}.",
    *PAIRS,
)
def benchmark() -> Iterator[Row]:
    at = partial(printed, "cifar100_benchmark", "", "{}, CIFAR-100", of=PAIRS)
    treated, standard = partial(arm, confidence.treatment_arms), "KD, standardised logits"
    yield Row("teacher", at("teacher"), lambda _: ladders.TEACHER)
    yield Row("labels only", at("labels only"), treated("hard labels"))
    yield Row("KD", at("KD"), treated("KD"), "labels only")
    yield Row("decoupled, β = 8", at("DKD"), treated("decoupled, β = 8"), "KD")
    yield Row("decoupled, β = 1", (), treated("decoupled, β = 1"), "KD")
    yield Row(standard, at(standard), treated("standardised logits"), "KD")
    yield Row("weighted soft labels", (), treated("weighted soft labels"), "KD")
    yield Row("FitNets", at("FitNets"))
    features = {
        "AT": "attention (AT)",
        "RKD": "distances and angles (RKD)",
        "PKT": "neighbours (PKT)",
    }
    for name, words in features.items():
        yield Row(name, at(name), arm(confidence.feature_arms, f"{words} and labels"), "KD")
    yield Row("CRD", at("CRD"))


@reproduction(
    "A student of 1×N filters (Son et al. 2020; Son 2021)",
    "Only the abstracts could be read. The paper's number is a gain over plain KD, which was "
    "below the student without a teacher; how the teacher between is built is not said, so it "
    f"stands beside none of ours. {CLOTHES}.",
    "WRN-40-4, CIFAR-100",
)
def rows() -> Iterator[Row]:
    arms = partial(arm, ladders.row_arms)
    names = (
        "both branches, chain",
        "both branches, and the teacher",
        "N×N assistant, and the teacher",
        "1×N assistant, and the teacher",
        "mean of the teacher and a 1×N network",
    )
    yield Row("N×N filters, labels only", (), arms("N×N filters, hard labels"))
    yield Row("labels only", (), arms("hard labels"))
    yield Row("direct", (), arms("direct"), "labels only")
    for name in names:
        yield Row(name, (), arms(name), "direct")
    yield row_gain()


def row_gain() -> Row:
    """The one number of the abstract; how its teacher is built is not said, so it has no run of
    ours."""
    at = partial(printed, "dgkd_2021", "abstract", "WRN 40-4 with 1xN filters, CIFAR-100")
    gain = at("intermediate ensemble teacher over KD", unit="points")
    return Row("an ensemble between them: gain over direct", gain, unit="points")


LADDERS = by_name(takd, dgkd, benchmark, rows)
