"""The joint answer of a generalist and specialists, for a whole batch at once, and the cheap mean.

Hinton, Vinyals, Dean 2015, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional as F

from kd_helpers.data.class_groups import Groups, check_group, special_labels


def membership(group: Sequence[int], classes: int) -> torch.Tensor:
    """(K, |S| + 1) of 0 and 1: which output of a specialist each class belongs to."""
    return F.one_hot(special_labels(torch.arange(classes), group, classes), len(group) + 1).double()


def join_specialists(
    generalist: torch.Tensor,
    specialists: Sequence[torch.Tensor],
    groups: Groups,
    *,
    active: torch.Tensor | None = None,
    steps: int = 40,
) -> torch.Tensor:
    """The q that minimises KL(p_g ‖ q) + Σ_{active m} KL(p_m ‖ q seen by m), for all images at
    once.

    Hinton et al. 2015, eq. 5. A specialist sees the mass of q over its dustbin as one number. The
    paper descends image by image; here each step takes, for every image, the best of some Newton
    steps and of one step of expectation maximisation, which always lowers the sum.

    Args:
        generalist: (B, K) probabilities. specialists: (B, |S_m| + 1) probabilities each.
        groups: the classes S_m. active: (M, B) bool; None: a specialist is active where the
            generalist's answer is one of its classes (n = 1 of the paper).
        steps: of the iteration.

    Returns:
        (B, K) float64 probabilities.
    """
    check_specialists(specialists, groups, generalist.shape[1])
    if active is None:
        active = active_specialists(generalist, groups)
    problem = joint_problem(generalist, specialists, groups, active)
    q = generalist.double().clamp(min=1e-9)
    q = q / q.sum(dim=1, keepdim=True)
    for _ in range(steps):
        q = best_of(problem, q, [expected(problem, q), *newton_steps(problem, q)])
    return q


def check_specialists(specialists: Sequence[torch.Tensor], groups: Groups, classes: int) -> None:
    """Raise ValueError unless there is a sensible group for each specialist."""
    if len(specialists) != len(groups) or not 0 < len(groups) <= classes:
        raise ValueError(
            f"got {len(specialists)} specialists and {len(groups)} groups for {classes} classes; "
            "expected as many groups as specialists, at least one, at most one a class"
        )
    for answer, group in zip(specialists, groups, strict=True):
        check_group(group, classes)
        if answer.dim() != 2 or answer.shape[1] != len(group) + 1:
            raise ValueError(
                f"got answers of shape {tuple(answer.shape)} of the specialist for {tuple(group)}; "
                f"expected (batch, {len(group) + 1}), the dustbin last"
            )


class JointProblem(NamedTuple):
    """Minimise -Σ_o mass_o · log (q · belongs)_o + sources · Σ q over q > 0, for every image; its
    minimum has sum 1, where it is the sum of divergences up to a constant."""

    mass: torch.Tensor  # (B, O) what the active sources say, one column an output; 0 where inactive
    belongs: torch.Tensor  # (K, O) of 0 and 1: which classes an output stands for
    sources: torch.Tensor  # (B, 1) how many are active


def joint_problem(
    generalist: torch.Tensor,
    specialists: Sequence[torch.Tensor],
    groups: Groups,
    active: torch.Tensor,
) -> JointProblem:
    classes = generalist.shape[1]
    told = [generalist.double()]
    told += [p.double() * on.double()[:, None] for p, on in zip(specialists, active, strict=True)]
    belongs = [torch.eye(classes, dtype=torch.double), *(membership(g, classes) for g in groups)]
    count = 1 + active.double().sum(dim=0)[:, None]
    return JointProblem(torch.cat(told, dim=1), torch.cat(belongs, dim=1), count)


def expected(problem: JointProblem, q: torch.Tensor) -> torch.Tensor:
    """One step of expectation maximisation: each output shares its mass as q does; the mean."""
    mass, belongs, count = problem
    return q * ((mass / (q @ belongs)) @ belongs.T) / count


def newton_steps(problem: JointProblem, q: torch.Tensor) -> list[torch.Tensor]:
    """Newton's step from q, whole and shortened, kept above 0 and scaled to sum 1."""
    mass, belongs, count = problem
    seen = q @ belongs
    gradient = count - (mass / seen) @ belongs.T  # (B, K)
    # In units of q itself, so that very small entries do not spoil the equations.
    curve = torch.einsum("bo,ko,lo->bkl", mass / seen**2, belongs, belongs)
    curve = curve * q[:, :, None] * q[:, None, :]
    curve = curve + 1e-10 * torch.eye(q.shape[1], dtype=torch.double)
    relative = torch.linalg.solve(curve, gradient * q)
    steps = [(q * (1 - size * relative)).clamp(min=q * 1e-3) for size in (1.0, 0.5, 0.2, 0.05)]
    return [step / step.sum(dim=1, keepdim=True) for step in steps]


def best_of(problem: JointProblem, q: torch.Tensor, tried: Sequence[torch.Tensor]) -> torch.Tensor:
    """For every image the candidate (q among them) with the lowest sum of divergences."""
    # Not below 1e-30: the squares of smaller numbers would leave the range of float64.
    stacked = torch.stack([q, *tried]).clamp(min=1e-30)  # (C, B, K)
    seen = stacked @ problem.belongs
    values = -torch.special.xlogy(problem.mass, seen).sum(dim=2)  # (C, B)
    return stacked[values.argmin(dim=0), torch.arange(len(q))]


def active_specialists(generalist: torch.Tensor, groups: Groups) -> torch.Tensor:
    """(M, B) bool: a specialist is asked where the generalist's answer is one of its classes."""
    answers = generalist.argmax(dim=1)
    return torch.stack([torch.isin(answers, torch.tensor(tuple(g))) for g in groups])


def mean_of_specialists(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], groups: Groups
) -> torch.Tensor:
    """The cheap joint answer: each active specialist redistributes the generalist's mass on its
    classes; the mean over those, or the generalist where none is active. (B, K) float64."""
    check_specialists(specialists, groups, generalist.shape[1])
    p = generalist.double()
    active = active_specialists(p, groups).double()
    total = torch.where(active.sum(dim=0)[:, None] > 0, 0.0, p)
    for answer, group, on in zip(specialists, groups, active, strict=True):
        mine = p.clone()
        # Never 0 in all: one that is sure of its dustbin shares the mass of its classes evenly.
        within = answer.double()[:, :-1].clamp(min=1e-300)
        within = within / within.sum(dim=1, keepdim=True)
        mine[:, list(group)] = within * p[:, list(group)].sum(dim=1, keepdim=True)
        total = total + mine * on[:, None]
    return total / active.sum(dim=0).clamp(min=1)[:, None]
