"""The same for assistants, the 1×N filters and the benchmark of losses: notebooks 03 and 06."""

from __future__ import annotations

from functools import partial

from kd_course.nb03_confidence import experiments as shipped_confidence
from kd_course.nb06_assistants import experiments as ladders
from kd_course.nb07_papers.laptop import CLOTHES, arm
from kd_course.nb07_papers.rows import Reproduction, Row, printed
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.run import Run, dataset_of, load_or_train

TAKD = partial(printed, "takd_2020")
PAIRS = (
    "ResNet 56-20",
    "ResNet 110-20",
    "ResNet 110-32",
    "ResNet 32x4-8x4",
    "WRN 40-2 to 16-2",
    "WRN 40-2 to 40-1",
    "VGG 13-8",
)


def takd() -> Reproduction:
    gap, student = partial(arm, ladders.gap_arms), partial(arm, ladders.ladder_arms)
    large, columns = ladders.LARGE, ("CIFAR-10", "CIFAR-100")

    def plain(table: str, networks: str, method: str) -> tuple:
        return tuple(TAKD(table, f"plain CNN {networks}, {data}", method) for data in columns)

    def residual(networks: str, method: str, table: str = "table 3") -> tuple:
        return tuple(TAKD(table, f"ResNet {networks}, {data}", method) for data in columns)

    def alone(size: int) -> tuple:
        return tuple(
            TAKD("figure 4", f"plain CNN {size}, {data}", "labels only") for data in columns
        )

    labels, direct = "student, labels only", "student of the large teacher"
    top = partial(arm, ladders.gap_teachers)
    again = "the same in figure 2, which table 1 contradicts"
    return Reproduction(
        "takd",
        "Teacher assistants (Mirzadeh et al. 2020, tables 1 to 3, figures 2 and 4)",
        "The paper: teacher cnn-10, student cnn-2, the best of a search over λ, T and the seed. Here: "
        "teacher ResNet-20, student cnn-2 with 2,000 images, T and α fixed; residual ladders at the "
        f"papers' scale only. {CLOTHES}.",
        columns,
        (
            Row(
                labels,
                plain("table 1", "10-4-2", "labels only"),
                arm(ladders.ablation_arms, "hard labels"),
            ),
            Row(
                direct,
                plain("table 1", "10-4-2", "direct"),
                student((large, (), "direct")),
                against=labels,
            ),
            *(
                Row(
                    f"student of cnn-{n}, which the large one taught",
                    plain("table 2", f"10-{n}-2", "chain"),
                    student((large, (f"cnn-{n}",), "chain")),
                    against=direct,
                )
                for n in (8, 6, 4)
            ),
            Row(again, plain("figure 2", "10-2", "direct"), student((large, (), "direct"))),
            *(
                Row(
                    f"student of cnn-{n}, which nobody taught",
                    plain("figure 2", f"{n}-2", "direct"),
                    gap(f"cnn-{n}"),
                    against=again,
                )
                for n in (4, 6, 8)
            ),
            *(
                Row(f"cnn-{n}, all images, labels only (figure 4)", alone(n), top(f"cnn-{n}"))
                for n in (2, 4, 6, 8)
            ),
            Row("cnn-10, all images, labels only (figure 4)", alone(10)),
            *(
                Row(f"resnet-8, {said}", residual("110-20-8", method, "table 1"))
                for said, method in (
                    ("labels only", "labels only"),
                    ("student of resnet-110", "direct"),
                )
            ),
            *(
                Row(
                    f"resnet-8, student of resnet-{n}, which resnet-110 taught",
                    residual(f"110-{n}-8", "chain"),
                )
                for n in (56, 32, 20, 14)
            ),
        ),
    )


def shared_errors(run: Run) -> float:
    """Of the test errors of the student or of the large teacher, those of both (the paper's figure
    4)."""
    labels = dataset_of(run.recipe).test.labels.cpu()
    return 100 * error_overlap(
        run.answers(), load_or_train(ladders.TEACHER, quiet=True).answers(), labels
    )


def dgkd() -> Reproduction:
    at, plain = partial(printed, "dgkd_2021"), "plain CNN 10-8-6-4-2, CIFAR-100"
    residual, arms = "ResNet 26-20-14-8, CIFAR-10", partial(arm, ladders.ablation_arms)
    student, large = partial(arm, ladders.ladder_arms), ladders.LARGE
    none = (None, None)
    return Reproduction(
        "dgkd",
        "Every larger network teaches (Son et al. 2021, tables 1, 2, 5 and 6, figures 4 and 7)",
        "The paper: four networks above the student. Here: ResNet-20, cnn-8, cnn-6, cnn-4 above "
        f"cnn-2, which has 2,000 images. {CLOTHES}.",
        ("plain, CIFAR-100", "ResNet, CIFAR-10"),
        (
            Row("labels only", none, arms("hard labels")),
            Row("direct", none, arms("direct"), against="labels only"),
            Row(
                "chain (TAKD)",
                (at("table 1", plain, "chain"), at("table 2", residual, "chain")),
                arms("chain"),
                against="direct",
            ),
            Row(
                "dense (DGKD)",
                (at("table 1", plain, "dense"), at("table 2", residual, "dense")),
                arms("dense"),
                against="chain (TAKD)",
            ),
            Row(
                "stochastic, p = 0.75",
                (at("table 6", plain, "stochastic"), at("table 6", residual, "stochastic")),
                arms("survival 0.75"),
                against="dense (DGKD)",
            ),
            Row("stochastic, p = 0.5", none, arms("survival 0.5"), against="dense (DGKD)"),
            Row("stochastic, p = 0.25", none, arms("survival 0.25"), against="dense (DGKD)"),
            Row(
                "exactly one left out (public code)",
                none,
                arms("one of four removed"),
                against="dense (DGKD)",
            ),
            Row("dense, mean of the terms", none, arms("dense, mean"), against="chain (TAKD)"),
            *(
                Row(
                    f"{way}, {len(some)} assistant{'s' * (len(some) > 1)}",
                    none,
                    student((large, some, way)),
                    against="direct",
                )
                for some in (("cnn-4",), ("cnn-6", "cnn-4"))
                for way in ("chain", "dense")
            ),
            Row(
                "chain: errors shared with the teacher",
                none,
                arms("chain"),
                shared_errors,
                "% of errors",
            ),
            Row(
                "dense: errors shared with the teacher",
                none,
                arms("dense"),
                shared_errors,
                "% of errors",
            ),
            Row(
                "chain, seven assistants",
                (at("table 5", "plain CNN, seven assistants, CIFAR-100", "chain"), None),
            ),
            Row(
                "dense, seven assistants",
                (at("table 5", "plain CNN, seven assistants, CIFAR-100", "dense"), None),
            ),
        ),
    )


def benchmark() -> Reproduction:
    treated = partial(arm, shipped_confidence.treatment_arms)

    def at(method: str) -> tuple:
        return tuple(
            printed("cifar100_benchmark", "", f"{pair}, CIFAR-100", method) for pair in PAIRS
        )

    none = (None,) * len(PAIRS)
    return Reproduction(
        "benchmark",
        "The CIFAR-100 benchmark of losses (CRD, DKD, standardised logits)",
        "The papers: seven pairs of networks, 240 passes, the best step on the test images. Here: "
        f"ResNet-20 and cnn-2 with 2,000 images. {CLOTHES}.",
        PAIRS,
        (
            Row("teacher", at("teacher"), lambda _: ladders.TEACHER),
            Row("labels only", at("labels only"), treated("hard labels")),
            Row("KD", at("KD"), treated("KD"), against="labels only"),
            Row("decoupled, β = 8", at("DKD"), treated("decoupled, β = 8"), against="KD"),
            Row("decoupled, β = 1", none, treated("decoupled, β = 1"), against="KD"),
            Row(
                "KD, standardised logits",
                at("KD, standardised logits"),
                treated("standardised logits"),
                against="KD",
            ),
            Row("weighted soft labels", none, treated("weighted soft labels"), against="KD"),
            Row("PKT", at("PKT")),
            Row("CRD", at("CRD")),
        ),
    )


def rows() -> Reproduction:
    arms = partial(arm, ladders.row_arms)
    names = (
        "both branches, chain",
        "both branches, and the teacher",
        "N×N assistant, and the teacher",
        "1×N assistant, and the teacher",
        "mean of the teacher and a 1×N network",
    )
    return Reproduction(
        "rows",
        "A student of 1×N filters (Son et al. 2020; Son 2021)",
        "Only the abstracts could be read. The paper's number is a gain over plain KD, which was below "
        "the student without a teacher; how the teacher between is built is not said, so it stands "
        f"beside none of ours. {CLOTHES}.",
        ("WRN-40-4, CIFAR-100",),
        (
            Row("N×N filters, labels only", (None,), arms("N×N filters, hard labels")),
            Row("labels only", (None,), arms("hard labels")),
            Row("direct", (None,), arms("direct"), against="labels only"),
            *(Row(name, (None,), arms(name), against="direct") for name in names),
            row_gain(),
        ),
    )


def row_gain() -> Row:
    """The one number of the abstract; how its teacher is built is not said, so it has no run of
    ours."""
    place = (
        "abstract",
        "WRN 40-4 with 1xN filters, CIFAR-100",
        "intermediate ensemble teacher over KD",
    )
    gain = printed("dgkd_2021", *place, "points")
    return Row("an ensemble between them: gain over direct", (gain,), unit="points")
