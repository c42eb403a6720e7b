"""The account of an export: what was written, and how it compares with the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LOST = 1.0  # percentage points of accuracy; who loses more is told so


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
