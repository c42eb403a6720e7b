"""What notebook 09 says at its end: the verdict on settings, as a table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb09_playground.find_or_train import BARE, THIS, scores_of
from kd_course.nb09_playground.setting import parse
from kd_course.nb09_playground.words import EXAMPLES
from kd_helpers.experiments.compare import paired_verdict, verdict_cells


def example_table(examples: Mapping[str, str] = EXAMPLES) -> pd.DataFrame:
    """A row for each example: the verdict against the same student without a teacher."""
    rows = {}
    for text, words in examples.items():
        found = scores_of(parse(text))
        own, bare = ([found[name][seed] for seed in SEEDS] for name in (THIS, BARE))
        rows[words] = verdict_cells(paired_verdict(own, bare))
    return pd.DataFrame.from_dict(rows, orient="index")
