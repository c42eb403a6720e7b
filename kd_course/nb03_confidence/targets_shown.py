"""What each treatment makes of the target of one image: pure functions, for showing and
comparing."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.decoupled import decoupled_parts
from kd_helpers.methods.dynamic_temperature import cwsm_temperatures, flsw_temperatures
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.methods.targets import smooth_labels, soften
from kd_helpers.methods.teacher_free import virtual_teacher
from kd_helpers.methods.top_k import chosen_log_probabilities, small_entries, top_entries
from kd_helpers.methods.weighted_soft_labels import confidence_gate, wsld_weights


@dataclass(frozen=True)
class Case:
    """One image, the settings, and a batch round it for the treatments that compare images."""

    student: torch.Tensor  # (N, K) logits
    teacher: torch.Tensor  # (N, K) logits
    labels: torch.Tensor  # (N,)
    row: int
    temperature: float
    count: int  # k, of the treatments that keep or leave out the k largest entries

    @property
    def one(self) -> slice:
        return slice(self.row, self.row + 1)

    def soft(self, logits: torch.Tensor) -> torch.Tensor:
        """The image's probabilities (K,) at T."""
        return soften(logits[self.one], self.temperature)[0]


def plain(case: Case) -> tuple[torch.Tensor, str]:
    return case.soft(case.teacher), "nothing is changed"


def standardised(case: Case) -> tuple[torch.Tensor, str]:
    spread = case.teacher[case.row].std().item()
    words = f"the logits had standard deviation {spread:.2f}, now 1; so has every other image"
    return case.soft(standardise(case.teacher)), words


def dynamic(case: Case, temperatures: torch.Tensor, why: str) -> tuple[torch.Tensor, str]:
    own = temperatures[case.row].item()
    return soften(case.teacher[case.one], own)[0], f"its own temperature is {own:.2f}: {why}"


def flsw(case: Case) -> tuple[torch.Tensor, str]:
    found = flsw_temperatures(case.student, case.teacher, temperature=case.temperature)
    return dynamic(case, found, "lower than T where student and teacher disagree")


def cwsm(case: Case) -> tuple[torch.Tensor, str]:
    found = cwsm_temperatures(case.student, temperature=case.temperature)
    return dynamic(case, found, "lower than T where the student is unsure")


def decoupled(case: Case) -> tuple[torch.Tensor, str]:
    one = case.one
    _, _, own = decoupled_parts(
        case.student[one], case.teacher[one], case.labels[one], temperature=case.temperature
    )
    target = case.soft(case.teacher).clone()
    target[case.labels[case.row]] = 0.0
    words = (
        f"what the others get, as a target of its own (the true class, {own.item():.3f} against "
        f"{1 - own.item():.3f} for all others, is the second one); plain KD multiplies it by "
        f"{1 - own.item():.3f}, decoupled KD by a weight of your choice"
    )
    return target / target.sum().clamp(min=1e-12), words


def weighted(case: Case) -> tuple[torch.Tensor, str]:
    one = case.one
    weight = wsld_weights(case.student[one], case.teacher[one], case.labels[one]).item()
    words = f"the whole lesson of this image counts {weight:.3f}: bars times this weight"
    return weight * case.soft(case.teacher), words


def gated(case: Case, above: bool) -> tuple[torch.Tensor, str]:
    weight = confidence_gate(case.teacher[case.one], 0.9, above=above).item()
    words = "taught" if weight else "not taught: only the label speaks"
    return weight * case.soft(case.teacher), f"at T = 1 its top probability decides: {words}"


def top(case: Case, lump: bool) -> tuple[torch.Tensor, str]:
    keep = top_entries(case.teacher[case.one], case.count, case.labels[case.one])
    return chosen(case, keep, lump), f"{int(keep.sum())} entries are kept"


def small(case: Case) -> tuple[torch.Tensor, str]:
    count = min(case.count, case.teacher.shape[1] - 1)
    keep = small_entries(case.teacher[case.one], count)
    words = f"the {int(keep.sum())} smallest entries are kept, and scaled to sum 1"
    return chosen(case, keep, lump=False), words


def chosen(case: Case, keep: torch.Tensor, lump: bool) -> torch.Tensor:
    """Probabilities (K + 1,): of the kept entries, and of the bin."""
    logits = case.teacher[case.one].float() / case.temperature
    return chosen_log_probabilities(logits, keep, lump).exp()[0]


def virtual(case: Case) -> tuple[torch.Tensor, str]:
    logits = virtual_teacher(case.labels[case.one], case.teacher.shape[1], 0.9)
    return soften(logits, case.temperature)[0], "no teacher was asked; the same for all images"


def smoothed(case: Case) -> tuple[torch.Tensor, str]:
    target = smooth_labels(case.labels[case.one], case.teacher.shape[1], 0.1)
    return target[0], "no teacher was asked; the same for all images, at any T"


TREATMENTS = {
    "plain KD": plain,
    "standardised logits": standardised,
    "dynamic temperature, FLSW": flsw,
    "dynamic temperature, CWSM": cwsm,
    "decoupled: the other classes": decoupled,
    "weighted soft labels": weighted,
    "only sure answers (above 0.9)": lambda case: gated(case, above=True),
    "only unsure answers (below 0.9)": lambda case: gated(case, above=False),
    "top k + true class, rest in one bin": lambda case: top(case, lump=True),
    "top k + true class, rest dropped": lambda case: top(case, lump=False),
    "all but the top k": small,
    "virtual teacher, 0.9": virtual,
    "smoothed label, 0.1": smoothed,
}
