"""Measures of a trained network: how often right, how well calibrated, how big, how fast."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from kd_helpers.runtime.device import describe

if TYPE_CHECKING:
    from torch.utils.benchmark import Measurement


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images whose largest logit is the label's: (N, K), (N,) → 0..1."""
    return (logits.argmax(dim=1) == labels).double().mean().item()


def classification_metrics(logits: torch.Tensor, labels: torch.Tensor) -> dict:
    """Quality of the answers (N, K) to images with labels (N,): a dict of plain numbers and lists.

    Accuracy, negative log-likelihood (nats) and expected calibration error; the confusion matrix
    (row: true class, column: answer); precision, recall and F1 for each class, 0 where nothing was
    there to be right, and their means over the classes that have images ("macro").
    """
    confusion = confusion_matrix(logits.argmax(dim=1), labels, logits.shape[1])
    per_class, with_images = class_scores(confusion), confusion.sum(dim=1) > 0
    return {
        "accuracy": accuracy(logits, labels),
        "nll": nn.functional.cross_entropy(logits.double(), labels).item(),
        "calibration_error": calibration_error(logits, labels),
        "macro": {k: round(v[with_images].mean().item(), 6) for k, v in per_class.items()},
        "per_class": {k: [round(x, 6) for x in v.tolist()] for k, v in per_class.items()},
        "confusion": confusion.tolist(),
    }


def confusion_matrix(answers: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """How often each class (row) got each answer (column): (N,), (N,) → (K, K) int64."""
    return torch.bincount(labels * classes + answers, minlength=classes**2).view(classes, classes)


def class_scores(confusion: torch.Tensor) -> dict[str, torch.Tensor]:
    """Precision, recall and F1 of each class, 0..1. scikit-learn has the same, and takes three
    seconds to import, in every process that trains."""
    right = confusion.diagonal().double()
    images, answers = confusion.sum(dim=1), confusion.sum(dim=0)
    of = {"precision": (right, answers), "recall": (right, images)}
    of["f1"] = (2 * right, images + answers)
    return {name: part / whole.clamp(min=1) for name, (part, whole) in of.items()}


def calibration_error(logits: torch.Tensor, labels: torch.Tensor, bins: int = 15) -> float:
    """Expected calibration error, 0..1 (Guo et al. 2017): |confidence - accuracy|, averaged over
    equally wide bins of the top probability, weighted by the number of images in each bin."""
    confidence, answer = logits.double().softmax(dim=1).max(dim=1)
    right = (answer == labels).double()
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # bins are open at the left
    gaps = torch.zeros(bins, dtype=torch.double, device=logits.device)
    gaps.index_add_(0, bin_of, confidence - right)
    return (gaps.abs().sum() / len(labels)).item()


def count_parameters(model: nn.Module) -> int:
    """Number of trained numbers in a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_multiply_adds(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-adds of convolutions, linear layers and attention for one image (C, H, W)."""
    device = next(model.parameters(), torch.empty(0)).device
    was_training = model.training
    image = torch.zeros(1, *image_shape, device=device)
    # Without its short cuts, of which the counter knows none, attention is a few plain products.
    short_cut = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            model.eval()(image)
    finally:
        torch.backends.mha.set_fastpath_enabled(short_cut)
    model.train(was_training)
    return counter.get_total_flops() // 2  # the counter counts a multiply-add as two operations


_latencies: dict[tuple, list[dict]] = {}  # of this process: a network's speed is that of its kind


def latencies_of(model: nn.Module, image_shape: tuple[int, int, int]) -> list[dict]:
    """The latencies of the network's kind, measured when the first of them comes."""
    device = next(model.parameters(), torch.empty(0)).device
    kind = (str(model), image_shape, str(device), torch.get_num_threads())
    if not _latencies.get(kind):
        _latencies[kind] = measure_latencies(model, image_shape)
    return _latencies[kind]


def measure_latencies(model: nn.Module, image_shape: tuple[int, int, int]) -> list[dict]:
    """Latency at batch 1 and at batch 256."""
    return [measure_latency(model, image_shape, size) for size in (1, 256)]


@torch.no_grad()
def measure_latency(
    model: nn.Module, image_shape: tuple[int, int, int], batch_size: int, min_seconds: float = 0.2
) -> dict:
    """Time of one forward pass in float32, after warm-up.

    Returns:
        {"batch_size", "median_ms", "iqr_ms", "repeats", "device"}; the device with its threads.
        PyTorch's timer synchronises a GPU around each measurement.
    """
    device = next(model.parameters(), torch.empty(0)).device
    images = torch.rand(batch_size, *image_shape, device=device)
    was_training = model.training
    result = timed(model.eval(), images, min_seconds)
    model.train(was_training)
    return {
        "batch_size": batch_size,
        "median_ms": round(result.median * 1e3, 4),
        "iqr_ms": round(result.iqr * 1e3, 4),
        "repeats": len(result.times) * result.number_per_run,
        "device": describe(device),
    }


def timed(answer: Callable, images: torch.Tensor, min_seconds: float = 0.2) -> Measurement:
    """Times of `answer(images)`, after warm-up."""
    # It warns of a missing GPU where CUDA's tools lie on the disk; who asks for a time knows.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from torch.utils.benchmark import Timer  # slow to import, and only needed here

    reserve = room_for_outputs()
    for _ in range(3):
        answer(images)
    given = {"answer": answer, "images": images}
    timer = Timer("answer(images)", globals=given, num_threads=torch.get_num_threads())
    result = timer.blocked_autorange(min_run_time=min_seconds)
    del reserve  # not earlier
    return result


def room_for_outputs(block: int = 16 << 20, blocks: int = 16) -> torch.Tensor:
    """Room for the outputs of a network's layers, below a block that is to be kept meanwhile.

    Otherwise glibc gives the output of each layer back to the system and asks for it anew, page by
    page, or does not, by what the process did before: cnn-2 took 11.8 or 4.7 ms for 256 images, and
    networks measured in two processes could not be compared. It keeps what is freed if it is not
    larger than a block that was freed before, at most 32 MiB (see mallopt(3)), and if something
    lies above it. Elsewhere this does no harm.
    """
    torch.empty((32 << 20) - (64 << 10), dtype=torch.uint8)  # freed at once
    return [torch.empty(block, dtype=torch.uint8) for _ in range(blocks)][-1]


def disagreement(answers: torch.Tensor) -> torch.Tensor:
    """Share of images on which two networks give different answers: (M, N) classes → (M, M)."""
    return (answers[:, None] != answers[None]).double().mean(dim=2)


def error_correlation(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Correlation between the errors (1 wrong, 0 right) of networks: (M, N), (N,) → (M, M).

    1: they are wrong on the same images; 0: as if by chance. NaN for one without any error.
    """
    return torch.atleast_2d(torch.corrcoef((answers != labels).double()))
