"""The closing table of notebook 11."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kd_course.nb11_low_precision.experiments import LABELS, TAUGHT
from kd_course.nb11_low_precision.files import FLOAT, zipped
from kd_helpers.experiments.compare import Scores, percent
from kd_helpers.export import Exported


def summary(
    whole: Mapping[str, Scores],
    low: Mapping[tuple[str, str], Scores],
    after: Mapping[tuple[str, str], Scores],
    files: Mapping[str, Exported],
) -> pd.DataFrame:
    """A row a width: mean test accuracy of each lesson, and kB of the packed file."""
    rows = {}
    for width, file in files.items():
        at = {arm: whole[arm] if width == FLOAT else low[width, arm] for arm in (LABELS, TAUGHT)}
        if width != FLOAT:
            at |= {f"{arm}, rounded afterwards": after[width, arm] for arm in (LABELS, TAUGHT)}
        rows[width] = {f"{name}, %": f"{np.mean(percent(told)):.2f}" for name, told in at.items()}
        rows[width]["packed, kB"] = f"{zipped(file.path).stat().st_size / 1000:.1f}"
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")
