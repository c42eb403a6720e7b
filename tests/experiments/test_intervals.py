"""The interval over seeds and test images against closed cases, a resampling by hand, and a known
truth; Holm's correction against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from kd_helpers.experiments.intervals import crossed_interval, holm, mean_interval

SEEDS = np.array([0.010, 0.018, 0.013, 0.004, 0.011])[:, None]
IMAGES = np.repeat([-1.0, 0.0, 1.0], [900, 8000, 1100])


def width(ends: tuple[float, float]) -> float:
    return ends[1] - ends[0]


def test_where_one_kind_of_luck_is_missing_the_interval_is_the_known_one_of_the_other():
    assert crossed_interval(np.full((5, 100), 0.25)) == pytest.approx((0.25, 0.25))
    seeds_alone = np.broadcast_to(SEEDS, (5, 10_000))
    assert crossed_interval(seeds_alone) == pytest.approx(mean_interval(SEEDS[:, 0]), rel=1e-3)
    images_alone = np.broadcast_to(IMAGES, (5, 10_000))
    half = 1.96 * IMAGES.std() / 100
    expected = IMAGES.mean() - half, IMAGES.mean() + half
    assert crossed_interval(images_alone) == pytest.approx(expected, abs=0.05 * half)


def test_a_seeds_own_answer_to_an_image_is_not_counted_twice():
    for seed in range(5):
        own = np.random.default_rng(seed).integers(-1, 2, (5, 10_000))
        assert 1 <= width(crossed_interval(own)) / width(mean_interval(own.mean(axis=1))) < 1.1


def test_with_many_seeds_it_is_that_of_resampling_seeds_and_images_by_hand():
    random = np.random.default_rng(0)
    values = random.normal(0, 0.4, (60, 1)) + random.integers(-1, 2, 300)
    rows, columns = random.integers(60, size=(4000, 60)), random.integers(300, size=(4000, 300))
    drawn = values.mean(axis=1)[rows].mean(axis=1) + values.mean(axis=0)[columns].mean(axis=1)
    by_hand = np.percentile(drawn - values.mean(), [2.5, 97.5])
    assert crossed_interval(values) == pytest.approx(by_hand, abs=0.05 * width(by_hand))


def test_it_holds_the_truth_as_often_as_it_says_and_that_of_the_seeds_alone_does_not():
    """Networks right where skill exceeds difficulty; the truth is known in closed form."""
    random = np.random.default_rng(0)
    luck = 0.02, 1.0, 0.7  # of seed, image, and seed with image
    skills, spread = (0.5, 0.4), np.linalg.norm(luck)
    truth = norm.cdf(skills[0] / spread) - norm.cdf(skills[1] / spread)
    for seeds in (3, 5):
        held = []
        for _ in range(200):
            sizes = (seeds, 1), 400, (seeds, 400)
            right = [
                skill + sum(map(random.normal, (0, 0, 0), luck, sizes)) > 0 for skill in skills
            ]
            difference = right[0].astype(float) - right[1]
            ends = crossed_interval(difference), mean_interval(difference.mean(axis=1))
            held.append([low <= truth <= high for low, high in ends])
        both, seeds_alone = np.mean(held, axis=0)
        assert both >= 0.92 and seeds_alone < 0.9, (seeds, both, seeds_alone)


def test_differences_that_are_no_table_are_refused():
    for shape in ((5,), (1, 100), (5, 1), (0, 0)):
        with pytest.raises(ValueError, match="expected \\(seeds, images\\)"):
            crossed_interval(np.zeros(shape))


def test_holm_on_a_worked_example():
    """Of Wikipedia's page on the Holm-Bonferroni method: H1 and H4 are rejected at 5 %."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == pytest.approx([0.2]) and len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_procedure_rejects_one_by_one(p, level):
    rejected, order = set(), sorted(range(len(p)), key=p.__getitem__)
    for step, which in enumerate(order):
        if p[which] * (len(p) - step) > level:
            break
        rejected.add(which)
    assert {i for i, value in enumerate(holm(p)) if value <= level} == rejected
