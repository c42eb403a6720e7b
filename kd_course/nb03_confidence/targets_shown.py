"""What each treatment makes of the target of one image: pure functions, for showing and
comparing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from kd_helpers.methods.decoupled import decoupled_parts
from kd_helpers.methods.dynamic_temperature import cwsm_temperatures, flsw_temperatures
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.methods.targets import smooth_labels, soften
from kd_helpers.methods.teacher_free import virtual_teacher
from kd_helpers.methods.top_k import chosen_log_probabilities, small_entries, top_entries
from kd_helpers.methods.weighted_soft_labels import confidence_gate, wsld_weights

Shown = tuple[torch.Tensor, str]  # bars (K,), or (K + 1,) with a bin; what was done, in words


@dataclass(frozen=True)
class Case:
    """One image, the settings, and a batch round it for the treatments that compare images."""

    student: torch.Tensor  # (N, K) logits
    teacher: torch.Tensor  # (N, K) logits
    labels: torch.Tensor  # (N,)
    row: int
    temperature: float
    count: int  # k, of the treatments that keep or leave out the k largest entries

    def own(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Student's and teacher's logits (1, K) and the label (1,) of the image alone."""
        one = slice(self.row, self.row + 1)
        return self.student[one], self.teacher[one], self.labels[one]

    @property
    def classes(self) -> int:
        return self.teacher.shape[1]

    @property
    def soft(self) -> torch.Tensor:
        """The teacher's probabilities (K,) at T."""
        return soften(self.teacher[self.row], self.temperature)


def plain(case: Case) -> Shown:
    return case.soft, "nothing is changed"


def standardised(case: Case) -> Shown:
    spread = case.teacher[case.row].std().item()
    words = f"the logits had standard deviation {spread:.2f}, now 1; so has every other image"
    return soften(standardise(case.teacher)[case.row], case.temperature), words


def dynamic(case: Case, temperatures: torch.Tensor, why: str) -> Shown:
    own = temperatures[case.row].item()
    words = f"its own temperature is {own:.2f}: lower than T where {why}"
    return soften(case.teacher[case.row], own), words


def flsw(case: Case) -> Shown:
    found = flsw_temperatures(case.student, case.teacher, temperature=case.temperature)
    return dynamic(case, found, "student and teacher disagree")


def cwsm(case: Case) -> Shown:
    found = cwsm_temperatures(case.student, temperature=case.temperature)
    return dynamic(case, found, "the student is unsure")


def decoupled(case: Case) -> Shown:
    own = decoupled_parts(*case.own(), temperature=case.temperature)[2].item()
    target = case.soft.clone()
    target[case.labels[case.row]] = 0.0
    words = (
        f"what the others get, as a target of its own (the true class, {own:.3f} against "
        f"{1 - own:.3f} for all others, is the second one); plain KD multiplies it by "
        f"{1 - own:.3f}, decoupled KD by a weight of your choice"
    )
    return target / target.sum().clamp(min=1e-12), words


def weighted(case: Case) -> Shown:
    weight = wsld_weights(*case.own()).item()
    words = f"the whole soft term of this image counts {weight:.3f}: bars times this weight"
    return weight * case.soft, words


def gated(case: Case, above: bool) -> Shown:
    weight = confidence_gate(case.teacher, 0.9, above=above)[case.row].item()
    words = "taught" if weight else "not taught: only the label speaks"
    return weight * case.soft, f"at T = 1 its top probability decides: {words}"


def top(case: Case, lump: bool) -> Shown:
    keep = top_entries(case.own()[1], case.count, case.own()[2])
    return chosen(case, keep, lump), f"{int(keep.sum())} entries are kept"


def small(case: Case) -> Shown:
    keep = small_entries(case.own()[1], min(case.count, case.classes - 1))
    words = f"the {int(keep.sum())} smallest entries are kept, and scaled to sum 1"
    return chosen(case, keep, lump=False), words


def chosen(case: Case, keep: torch.Tensor, lump: bool) -> torch.Tensor:
    """Probabilities (K + 1,): of the kept entries, and of the bin."""
    logits = case.own()[1].float() / case.temperature
    return chosen_log_probabilities(logits, keep, lump).exp()[0]


NOBODY = "no teacher was asked; the same for all images"


def virtual(case: Case) -> Shown:
    logits = virtual_teacher(case.own()[2], case.classes, 0.9)
    return soften(logits[0], case.temperature), NOBODY


def smoothed(case: Case) -> Shown:
    return smooth_labels(case.own()[2], case.classes, 0.1)[0], f"{NOBODY}, at any T"


TREATMENTS: dict[str, Callable[[Case], Shown]] = {
    "plain KD": plain,
    "standardised logits": standardised,
    "dynamic temperature, FLSW": flsw,
    "dynamic temperature, CWSM": cwsm,
    "decoupled: the other classes": decoupled,
    "weighted soft labels": weighted,
    "only sure answers (above 0.9)": partial(gated, above=True),
    "only unsure answers (below 0.9)": partial(gated, above=False),
    "top k + true class, rest in one bin": partial(top, lump=True),
    "top k + true class, rest dropped": partial(top, lump=False),
    "all but the top k": small,
    "virtual teacher, 0.9": virtual,
    "smoothed label, 0.1": smoothed,
}
