"""Notebook 03: what a sure teacher still says, and methods that get more out of it."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    checks="check_lumped check_other_classes check_standardise",
    costs="cost_table",
    experiments="TEMPERATURES entry_arms feature_arms newest_arms seeking_arms temperature_arms "
    "treatment_arms",
    explorer="build_certainty_explorer build_treatment_explorer",
    figures="draw_entries draw_gains_by_certainty draw_muted draw_seeking draw_temperatures "
    "draw_top_three draw_treatments",
    on_cifar="CLAIMS cifar_arms clothes_arms published_differences",
    seeking="build_seeking_explorer",
    **SHARED,
    **{
        "kd_course.claims": "claim_table draw_students",
        "kd_course.nb02_hinton.experiments": "SEEDS TEACHER full_arms",
        "kd_course.nb02_hinton.on_cifar": "CIFAR_100 TEST_LABELS",
        "kd_course.nb07_papers.tables": "paper_numbers",
        "kd_helpers.methods.hinton": "kd_rows",
    },
)
