"""Does a file answer as its network? Asked in the file's own runtime, and told in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kd_helpers.data.splits import Split
from kd_helpers.experiments.metrics import accuracy, timed
from kd_helpers.export.deployed import Answer, Deployed
from kd_helpers.export.formats import load

if TYPE_CHECKING:
    import pandas as pd

DIFFERENCE = 1e-3  # of float formats, at most, in standard deviations of the logits
LOST = 1.0  # percentage points of accuracy; who loses more is told so


class Mismatch(RuntimeError):
    """A file does not answer as the network that it was made of."""


@dataclass(frozen=True)
class Row:
    """What was measured of one runtime."""

    runtime: str
    accuracy: float  # on the test images, in percent
    same_class: float  # share of test images with PyTorch's answer, in percent
    difference: float  # the largest, of any logit, in standard deviations of PyTorch's logits
    ms_1: float  # median time for 1 image
    ms_256: float  # and for 256
    bytes: int  # of the file; for PyTorch, of the weights


@dataclass(frozen=True)
class Exported:
    """A file that was compared with its network; prints as a table.

    `rows` are PyTorch, then the file in its own runtime (of int8, the float32 file between them).
    """

    path: Path
    about: dict[str, str]  # read back from the file
    images: int  # test images that were asked
    rows: tuple[Row, ...]

    @property
    def lost(self) -> float:
        """Percentage points of accuracy that the file has less than PyTorch."""
        return self.rows[0].accuracy - self.rows[-1].accuracy

    @property
    def table(self) -> pd.DataFrame:
        """A row a runtime, as printed."""
        import pandas as pd

        rows = {
            row.runtime: {
                "accuracy": f"{row.accuracy:.2f} %",
                "same class": f"{row.same_class:.2f} %",
                "difference": f"{row.difference:.1e}",
                "1 image": f"{row.ms_1:.2f} ms",
                "256 images": f"{row.ms_256:.1f} ms",
                "bytes": f"{row.bytes:,}",
            }
            for row in self.rows
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.about.get('input', 'images')} → "
            f"{self.about.get('output', 'logits')}",
            self.table.to_string(),
            f"on {self.images:,} test images; difference: the largest of any logit from PyTorch's, "
            "in standard deviations of the logits",
        ]
        if self.lost > LOST:
            lines.append(
                f"It loses {self.lost:.1f} percentage points of accuracy, more than {LOST:g}: use "
                "the float32 file, or calibrate on images like those that it will see"
            )
        return "\n".join(lines)

    __repr__ = __str__


def compare(deployed: Deployed, paths: Sequence[Path], split: Split) -> Exported:
    """PyTorch and the files of one network, side by side on the images of a split.

    Raises:
        Mismatch: a float file does not answer as PyTorch does.
    """
    split = split.to("cpu")
    expected = in_batches(deployed, split.images)
    rows = [row(f"PyTorch {torch.__version__}", deployed, size_of(deployed), split, expected)]
    for path in paths:
        loaded = load(path, deployed.network)
        name = f"{loaded.runtime}, int8" if loaded.is_int8 else loaded.runtime
        rows.append(row(name, loaded.answer, path.stat().st_size, split, expected))
        if not loaded.is_int8:
            demand(rows[-1], path, len(split))
    return Exported(paths[-1], loaded.about, len(split), tuple(rows))


def row(runtime: str, answer: Answer, size: int, split: Split, expected: torch.Tensor) -> Row:
    """Ask all images of a split, and one and 256 for the time.

    Args:
        size: bytes. expected: PyTorch's logits (N, K).

    Raises:
        Mismatch: it gives no logits of that shape.
    """
    logits = in_batches(answer, split.images)
    if logits.shape != expected.shape:
        found, wanted = tuple(logits.shape), tuple(expected.shape)
        raise Mismatch(f"{runtime}: got logits of shape {found}; expected {wanted}")
    return Row(
        runtime,
        100 * accuracy(logits, split.labels),
        100 * accuracy(logits, expected.argmax(dim=1)),
        largest_difference(logits, expected),
        median_ms(answer, some(split.images, 1)),
        median_ms(answer, some(split.images, 256)),
        size,
    )


def demand(row: Row, path: Path, images: int) -> None:
    """Raise Mismatch unless logits are PyTorch's, up to rounding."""
    if not row.difference <= DIFFERENCE:  # NaN is none of either
        raise Mismatch(
            f"{path.name}: {row.runtime} differs from PyTorch by {row.difference:.2g} standard "
            f"deviations of the logits on {images:,} test images; expected at most {DIFFERENCE}"
        )


@torch.no_grad()
def in_batches(answer: Answer, images: torch.Tensor) -> torch.Tensor:
    """Logits (N, K), asked in batches of 1, 7, then 256: a batch size fixed in the file shows."""
    parts = [images[:1], images[1:8], *images[8:].split(256)]
    return torch.cat([answer(part) for part in parts if len(part)])


def largest_difference(logits: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest of any logit, in standard deviations of the expected ones; NaN if one is NaN."""
    spread = expected.double().std().item() or 1.0
    return (logits.double() - expected.double()).abs().max().item() / spread


def size_of(deployed: Deployed) -> int:
    """Bytes of the weights in PyTorch."""
    state = deployed.network.state_dict()
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())


def some(images: torch.Tensor, count: int) -> torch.Tensor:
    """`count` images, from the first on, and again where there are fewer."""
    return images[torch.arange(count) % len(images)]


@torch.no_grad()
def median_ms(answer: Answer, images: torch.Tensor) -> float:
    """Median time of an answer in milliseconds, on the processor, after warm-up."""
    return 1e3 * timed(answer, images).median
