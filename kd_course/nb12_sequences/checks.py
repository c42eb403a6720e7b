"""The exercises of notebook 12: the mean over places, the phoneme error rate, the nearest."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_course.nb12_sequences.error_rates import edit_distance
from kd_course.progress import exercise
from kd_helpers.data.splits import UNLABELLED


@exercise(
    hint=(
        "the KL of each place, (B, P); then only places whose label is not -100; then the "
        "mean, times T²"
    ),
    place="Lesson 1: each phoneme",
    why="each real place counts once, however long its word",
)
def check_token_loss(answer: Callable) -> str:
    """Check the KL at temperature T times T², mean over real places: (B, P, K) twice, (B, P), T."""
    s, t = (random_logits(seed).reshape(2, 3, 10) for seed in (12, 13))
    labels, T = torch.tensor([[1, 9, UNLABELLED], [4, 2, 9]]), 2.0
    there = labels != UNLABELLED
    p, q = (t / T).softmax(-1), (s / T).log_softmax(-1)
    kl = (p * (p.log() - q)).sum(-1)  # (B, P)
    right = T * T * kl[there].mean()
    swapped = (q.exp() * (q - p.log())).sum(-1)
    mistakes = {
        "the places behind the end are in it; leave out those labelled -100": T * T * kl.mean(),
        "you set the places behind the end to 0 and divided by all; divide by the real ones": T
        * T
        * (kl * there).mean(),
        "T² is missing: the gradient of the soft term shrinks as 1/T²": right / T**2,
        "the factor is T², you used T": right / T,
        "these are sums over the places of a word; the loss is the mean over all real places": T
        * T
        * (kl * there).sum(1).mean(),
        "this is the sum; take the mean over the real places": right * there.sum(),
        "each word counts the same here; each place must": T
        * T
        * ((kl * there).sum(1) / there.sum(1)).mean(),
        "roles swapped: the teacher's distribution is the target": T * T * swapped[there].mean(),
        'reduction "mean" also divides by the number of phonemes; use "batchmean"': right / 10,
        "this is the cross-entropy with the soft target; KL takes the teacher's own entropy off": T
        * T
        * (-(p * q).sum(-1))[there].mean(),
        "the temperature is missing": F.kl_div(
            s[there].log_softmax(-1), t[there].softmax(-1), reduction="batchmean"
        ),
    }
    return report(answer, (s, t, labels, T), right, mistakes)


@exercise(
    hint="add up the edits of all words, and divide by the number of right phonemes",
    place="The task",
    why="a word counts for as much as it has phonemes",
)
def check_phoneme_error_rate(answer: Callable) -> str:
    """Check it in percent: (what was said, what is right), lists of lists of phonemes."""
    said = [["K", "AE", "T"], ["D", "AO"], ["HH", "W", "AH", "T", "S"]]
    true = [["K", "AE", "T"], ["D", "AO", "G"], ["W", "AH", "T"]]
    edits = [edit_distance(a, b) for a, b in zip(said, true, strict=True)]
    total, length = sum(edits), sum(map(len, true))
    each = [e / len(b) for e, b in zip(edits, true, strict=True)]
    mistakes = {
        "this is a share; give percent": total / length,
        "this is the mean of the words' rates; add up all edits and phonemes": 100 * sum(each) / 3,
        "this is the number of edits; divide by the number of right phonemes": float(total),
        "you divided by what was said; divide by what is right": 100 * total / sum(map(len, said)),
        "this is the word error rate: words with any error": 100 * 2 / 3,
        "you counted differences place by place; one missing phoneme shifts all others": 100
        * sum(a != b for x, y in zip(said, true, strict=True) for a, b in zip(x, y, strict=False))
        / length,
    }
    return report(answer, (said, true), 100 * total / length, mistakes)


@exercise(
    hint="`min` over the places, by edit distance; it keeps the first of equal ones",
    place="Lesson 3: between both",
    why="the first of equally near ones is the one that the teacher finds likelier",
)
def check_nearest_hypothesis(answer: Callable) -> str:
    """Check the place of the hypothesis with the fewest edits: (hypotheses, best first, truth)."""
    truth = ["T", "AH", "F"]
    beam = [["T", "AW"], ["D", "OW"], ["T", "UW", "F"], ["T", "AO", "F"], ["T", "OW", "F", "F"]]
    mistakes = {
        "this is the teacher's best; take the one with the fewest edits to the truth": 0,
        "of equally near ones take the first, the more probable one": 3,
        "this is the farthest one": 1,
    }
    return report(answer, (beam, truth), 2, mistakes)
