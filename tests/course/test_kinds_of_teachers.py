"""What notebook 06 says of a transformer as a teacher, from the stored table, without the package's
own comparison."""

import pandas as pd
import pytest
from scipy.stats import ttest_rel

from kd_course.nb06_assistants.experiments import RIVAL, kind_arms, kind_teachers
from kd_helpers.runtime.folders import data_dir


@pytest.fixture(scope="module")
def stored():
    return pd.concat(map(pd.read_csv, data_dir().glob("runs/*/runs.csv"))).set_index("hash")


def test_the_rival_is_as_good_as_the_transformer(stored):
    kinds = {name: stored.loc[recipe.hash] for name, recipe in kind_teachers().items()}
    apart = 100 * (kinds["transformer"]["val.accuracy"] - kinds[RIVAL]["val.accuracy"])
    assert abs(apart) < 1 and kinds["ResNet-20"]["val.accuracy"] > 0.94
    assert kinds["transformer"]["multiply_adds"] == 7_884_416  # attention counted


def test_the_cnns_students_are_better_and_the_transformers_better_than_labels(stored):
    recipes = [kind_arms(seed) for seed in range(5)]
    scores = {
        arm: [stored.loc[of[arm].hash]["test.accuracy"] for of in recipes] for arm in recipes[0]
    }
    against = {arm: ttest_rel(scores["transformer"], scores[arm]) for arm in scores}
    for arm, sign in ((RIVAL, -1), ("hard labels", 1), ("ResNet-20", -1)):
        assert against[arm].pvalue < 0.05 and sign * against[arm].statistic > 0, arm
