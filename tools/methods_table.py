"""Every method with its paper, its chapter and the verdict of the stored runs: a Markdown table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kd_course.nb02_hinton.experiments import SEEDS, lab_arms
from kd_course.nb03_confidence.experiments import (
    entry_arms,
    feature_arms,
    newest_arms,
    treatment_arms,
)
from kd_course.nb04_mistakes.experiments import correction_arms, refined_arms
from kd_course.nb05_specialists.experiments import student_arms
from kd_course.nb06_assistants.experiments import ablation_arms
from kd_helpers import load_dataset, methods
from kd_helpers.experiments.compare import collect, paired_verdict, right_answers

NOISY = "50 % random labels"


class Row(NamedTuple):
    """A class of `methods`, where it was tried, and the two arms that are compared."""

    method: str
    chapter: str
    arms: Callable
    arm: object
    against: object
    where: str = ""


ROWS = (
    Row("HintonKD", "02", lab_arms, "600 labels + teacher", "600 labels"),
    Row("DecoupledKD", "03", treatment_arms, "decoupled, β = 1", "KD", "β = 1"),
    Row("DecoupledKD", "03", treatment_arms, "decoupled, β = 8", "KD", "β = 8"),
    Row("Standardised", "03", treatment_arms, "standardised logits", "KD"),
    Row("FLSW", "03", treatment_arms, "FLSW temperatures", "KD"),
    Row("CWSM", "03", treatment_arms, "CWSM temperatures", "KD"),
    Row("WeightedSoftLabels", "03", treatment_arms, "weighted soft labels", "KD"),
    Row("ConfidenceGate", "03", treatment_arms, "surer than 0.9 only", "KD"),
    Row("TopK", "03", entry_arms, ("rest in one bin", 3), "KD", "k = 3"),
    Row("SmallEntries", "03", entry_arms, ("all but the top", 3), "hard labels", "k = 3"),
    Row("RandomEntries", "03", treatment_arms, "random entries dropped", "KD"),
    Row("TeacherFreeKD", "03", treatment_arms, "virtual teacher", "smoothed labels"),
    Row("FitNets", "03", treatment_arms, "hint from the middle", "KD"),
    Row("NKD", "03", treatment_arms, "normalised (NKD)", "KD"),
    Row("TTM", "03", newest_arms, "transformed teacher (TTM)", "KD"),
    Row("WTTM", "03", newest_arms, "the same, weighted (WTTM)", "KD"),
    Row("OFA", "03", newest_arms, "one for all (OFA), γ = 1.2", "KD"),
    Row("DIST", "03", newest_arms, "relations (DIST)", "KD"),
    Row("ABKD", "03", newest_arms, "α-β-divergence (ABKD)", "KD"),
    Row("AttentionTransfer", "03", feature_arms, "attention (AT) and KD", "KD"),
    Row("RelationalKD", "03", feature_arms, "distances and angles (RKD) and KD", "KD"),
    Row("PKT", "03", feature_arms, "neighbours (PKT) and KD", "KD"),
    *(
        Row(name, "04", correction_arms, (NOISY, way), (NOISY, "uncorrected"), "noisy teacher")
        for name, way in (
            ("SwapMistakes", "swap"),
            ("ReplaceMistakes", "replace"),
            ("MaskMistakes", "mask"),
            ("TrustTrueClass", "trust"),
        )
    ),
    Row("RLD", "04", refined_arms, (NOISY, "refined (RLD)"), (NOISY, "decoupled"), "noisy teacher"),
    Row("SelectiveKD", "05", student_arms, "towers by index, selective", "towers by index"),
    Row("DenselyGuidedKD", "06", ablation_arms, "dense", "chain"),
)


def methods_table() -> str:
    """Markdown: method and file, paper, chapter, what it is compared with, verdict."""
    lines = ["| method | paper | chapter | here, against | verdict |", "| --- " * 5 + "|"]
    return "\n".join([*lines, *map(line_of, ROWS)]) + "\n"


def line_of(row: Row) -> str:
    module = sys.modules[getattr(methods, row.method).__module__]
    link = f"[`{row.method}`](../kd_helpers/methods/{Path(str(module.__file__)).name})"
    against = ", ".join(filter(None, (words(row.against), row.where)))
    return f"| {link} | {paper_of(module)} | {row.chapter} | {against} | {verdict_of(row)} |"


def paper_of(module) -> str:
    """The first lines of the module's text, without the chapter."""
    first = " ".join(module.__doc__.split("\n\n")[0].split())
    return first.split("; chapter")[0].split(" Chapter")[0].rstrip(".")


def words(arm: object) -> str:
    return arm[1] if isinstance(arm, tuple) else str(arm)


def verdict_of(row: Row) -> str:
    """Of the arm against the other one; plain KD is among the treatments where it is not here."""
    wanted = (row.arm, row.against)

    def arms(seed: int) -> dict:
        known = treatment_arms(seed) | row.arms(seed)
        return {arm: known[arm] for arm in wanted}

    labels = load_dataset("fashion-mnist").test.labels
    found = right_answers(collect(arms, SEEDS), labels)
    verdict = paired_verdict(*(found[arm] for arm in wanted))
    return f"{verdict.said} {verdict.mean:+.2f} ({verdict.low:+.2f} to {verdict.high:+.2f})"
