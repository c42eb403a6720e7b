"""The account of an export: what was written, and how it compares with the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kd_helpers.export.compare import Row

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Exported:
    """A file that was compared with its network; prints as a table.

    `rows` are PyTorch, then the file in its own runtime (of int8, the float32 file between them).
    """

    path: Path
    about: dict[str, str]  # read back from the file
    images: int  # test images that were asked
    rows: tuple[Row, ...]
    note: str = ""  # what a user should know

    @property
    def table(self) -> pd.DataFrame:
        """A row a runtime, as printed."""
        import pandas as pd

        rows = {
            row.runtime: {
                "accuracy": f"{row.accuracy:.2f} %",
                "same class": f"{row.same_class:.2f} %",
                "largest difference": f"{row.difference:.1e}",
                "1 image": f"{row.ms_1:.2f} ms",
                "256 images": f"{row.ms_256:.1f} ms",
                "bytes": f"{row.bytes:,}",
            }
            for row in self.rows
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def __str__(self) -> str:
        head = f"{self.path}: {self.about['input']} → {self.about['output']}"
        foot = (
            f"on {self.images:,} test images; difference of logits from PyTorch's, in their "
            "standard deviations"
        )
        note = [self.note] if self.note else []
        return "\n".join([head, self.table.to_string(), foot, *note])

    __repr__ = __str__
