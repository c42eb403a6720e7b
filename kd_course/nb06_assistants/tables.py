"""The numbers of ladders: every rung over the seeds, what a network costs, who makes whose errors,
what the papers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from kd_course.claims import claim_table as shared_table
from kd_course.nb06_assistants.on_cifar import PASSES
from kd_helpers.experiments.compare import Scores
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.metrics import accuracy, measure_latency
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run, load_or_train, load_run
from kd_helpers.methods.targets import entropy_bits, soften
from kd_helpers.models.zoo import make_model
from kd_helpers.training.loop import predict

Ladder = tuple[Recipe, ...]  # teacher first, student last


@dataclass(frozen=True)
class Rung:
    """One network of a ladder, over the seeds."""

    name: str
    accuracies: tuple[float, ...]  # on the test images, percent, one a seed
    seconds: float  # of its training, median: some shared the machine with other work
    parameters: int


def stored_rungs(ladders: Sequence[Ladder]) -> tuple[Rung, ...] | None:
    """All rungs of one ladder from its stored runs; None where one is missing. Trains nothing.

    Args:
        ladders: the recipes of the ladder, for each seed.
    """
    columns = [[load_run(recipe) for recipe in of_rung] for of_rung in zip(*ladders, strict=True)]
    stored = [[run for run in runs if run] for runs in columns]
    if stored != columns:
        return None
    return tuple(
        Rung(
            name=runs[0].recipe.student,
            accuracies=tuple(run.accuracy for run in runs),
            seconds=float(np.median([run.record["seconds"] for run in runs])),
            parameters=runs[0].record["parameters"],
        )
        for runs in stored
    )


def overlaps(ladders: Sequence[Ladder], labels: torch.Tensor) -> np.ndarray:
    """Share of the test errors of either that both make, for all pairs of rungs: (R, R).

    Mean over the seeds; ladders: the recipes of one ladder, for each of them. labels: of the test
    images, (N,).
    """
    found = []
    for ladder in ladders:
        answers = [load_or_train(recipe, quiet=True).answers() for recipe in ladder]
        found.append(overlap_matrix(answers, labels))
    return np.mean(found, axis=0)


def overlap_matrix(answers: Sequence[torch.Tensor], labels: torch.Tensor) -> np.ndarray:
    """`error_overlap` of all pairs of networks: classes (N,) of each, labels (N,) → (R, R),
    symmetric."""
    matrix = np.zeros((len(answers), len(answers)))
    for i in range(len(answers)):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = error_overlap(answers[i], answers[j], labels)
    return matrix


def cost_table(runs: Mapping[str, list[Run]]) -> pd.DataFrame:
    """Size of each network, its time on this machine, now, and its mean accuracy over the seeds."""
    rows = {}
    for title, of_one in runs.items():
        record = of_one[0].record
        model = make_model(of_one[0].recipe.student, **record["input"])
        rows[title] = {
            "parameters": f"{record['parameters']:,}",
            "multiply-adds": f"{record['multiply_adds']:,}",
            "ms, 256 images": f"{measure_latency(model, (1, 28, 28), 256)['median_ms']:.1f}",
            "test accuracy, %": f"{np.mean([run.accuracy for run in of_one]):.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def kind_row(run: Run, images: torch.Tensor, labels: torch.Tensor) -> dict[str, str]:
    """A teacher: how good, how big, how long in training, how sure of the student's images (N, …),
    whose labels are (N,)."""
    logits, record = predict(run.model(), images), run.record
    return {
        "validation, %": f"{100 * record['val']['accuracy']:.2f}",
        "test, %": f"{run.accuracy:.2f}",
        "weights": f"{record['parameters']:,}",
        "multiply-adds": f"{record['multiply_adds']:,}",
        "trained for, s": f"{record['seconds']:.0f}",
        "right on the student's images, %": f"{100 * accuracy(logits, labels):.1f}",
        "entropy at T = 4, bits": f"{entropy_bits(soften(logits, 4.0)).mean():.2f}",
    }


def paper_table(
    numbers: pd.DataFrame, ours: Mapping[str, Mapping[str, list[float] | None]]
) -> pd.DataFrame:
    """The papers' accuracies on CIFAR and ours, by method; only rows with more than one number.

    Args:
        numbers: of TAKD and DGKD, with the columns of data/paper_tables.
        ours: networks → method → one score a seed, None: not run.
    """
    table: dict[tuple[str, str], dict[str, str]] = {}
    for number in numbers.itertuples():
        if number.table.startswith("table") and number.setting.endswith(("CIFAR-10", "CIFAR-100")):
            mark = {"quoted": " q", "derived": " d"}.get(number.certainty, "")
            cell = "not found" if pd.isna(number.value) else f"{number.value:.2f}{mark}"
            table.setdefault((number.paper, number.setting), {})[number.method] = cell
    table = {key: row for key, row in table.items() if len(row) > 1}
    for networks, by_way in ours.items():
        said = {way: f"{np.mean(v):.2f}" if v else "not run" for way, v in by_way.items()}
        table["this notebook", f"{networks}, Fashion-MNIST"] = said
    shown = pd.DataFrame(list(table.values()), index=pd.MultiIndex.from_tuples(table)).fillna("")
    return shown[list(said)].rename_axis(["source", "networks"])


Cell = tuple[str, str, str]  # of a paper: table, networks, method
# Words, arm, the arm that it is compared with, and both in the paper, where it has them.
Claim = tuple[str, tuple[str, str], tuple[Cell, Cell] | None]
CLAIMS: tuple[Claim, ...] = (
    (
        "the large teacher teaches better than labels",
        ("direct", "hard labels"),
        (("table 1", "10-4-2", "direct"), ("table 1", "10-4-2", "labels only")),
    ),
    (
        "an assistant below it, cnn-4, teaches better than it does",
        ("assistant cnn-4", "direct"),
        (("table 2", "10-4-2", "chain"), ("table 1", "10-4-2", "direct")),
    ),
    (
        "so does a cnn-4 that nobody taught",
        ("cnn-4, which nobody taught", "direct"),
        (("figure 2", "4-2", "direct"), ("figure 2", "10-2", "direct")),
    ),
    (
        "the assistant cnn-8 teaches better than a cnn-8 that nobody taught",
        ("assistant cnn-8", "cnn-8, which nobody taught"),
        (("table 2", "10-8-2", "chain"), ("figure 2", "8-2", "direct")),
    ),
    (
        "the assistant cnn-4 teaches better than a cnn-4 that nobody taught",
        ("assistant cnn-4", "cnn-4, which nobody taught"),
        (("table 2", "10-4-2", "chain"), ("figure 2", "4-2", "direct")),
    ),
)
FIVE = "10-8-6-4-2"
DENSE_CLAIMS: tuple[Claim, ...] = (
    (
        "a chain of three assistants teaches better than the large teacher",
        ("chain", "direct"),
        None,
    ),
    (
        "a dense ladder teaches better than a chain",
        ("dense", "chain"),
        (("table 1", FIVE, "dense"), ("table 1", FIVE, "chain")),
    ),
    ("so does a dense ladder with the mean of the terms", ("dense, mean", "chain"), None),
    (
        "leaving sources out at random helps further",
        ("stochastic", "dense"),
        (("table 6", FIVE, "stochastic"), ("table 1", FIVE, "dense")),
    ),
    (
        "a dense ladder teaches better than a lone cnn-4 that nobody taught",
        ("dense", "cnn-4, which nobody taught"),
        None,
    ),
)


def claim_table(
    clothes: Mapping[str, Scores],
    cifar: Mapping[str, Scores],
    numbers: Iterable,
    claims: Iterable[Claim] = CLAIMS,
) -> pd.DataFrame:
    """`claims.claim_table`; numbers: of the paper that claims.

    Args:
        clothes, cifar: by the arms of `on_cifar.cifar_arms`.
    """
    printed = {(n.table, n.setting, n.method): n.value for n in numbers}

    def value(cell: Cell) -> float:
        table, networks, method = cell
        return printed[table, f"plain CNN {networks}, CIFAR-100", method]

    pairs, paper = {}, {}
    for words, pair, cells in claims:
        pairs[words], paper[words] = pair, value(cells[0]) - value(cells[1]) if cells else None
    return shared_table(pairs, clothes, cifar, paper)


def length_table(
    short: Mapping[str, Sequence[float]], full: Mapping[str, Sequence[float]], numbers: Iterable
) -> pd.DataFrame:
    """Accuracies (%) of TAKD's ladder 10-4-2 on CIFAR-100: few passes, all 160, and the paper's.

    Args:
        short, full: by the arms of `on_cifar.full_arms`, one score a seed. numbers: of TAKD.
    """
    setting = "plain CNN 10-4-2, CIFAR-100"
    printed = {n.method: n.value for n in numbers if (n.table, n.setting) == ("table 1", setting)}
    ways = {"hard labels": "labels only", "direct": "direct", "assistant cnn-4": "chain"}
    rows = {
        arm: {
            f"{PASSES} passes, {len(short[arm])} students": spread(short[arm]),
            f"160 passes, {len(full[arm])} students": spread(full[arm]),
            "the paper, 160 passes": f"{printed[way]:.2f}",
        }
        for arm, way in ways.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("student of the ladder 10-4-2")


def spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.1f} to {max(values):.1f})"
