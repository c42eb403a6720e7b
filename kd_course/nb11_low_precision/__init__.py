"""Notebook 11: a student in few bits."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    afterwards="all_afterwards cost",
    checks="check_levels check_straight_through check_ternary",
    experiments="BEFORE BESIDE LABELS TAUGHT TUNED WIDTHS float_arms low_arms together_arms",
    explorer="build_width_explorer output_weights points_of",
    figures="draw_costs draw_widths lines_of",
    files="FLOAT file_table kilobytes write_files",
    tables="summary",
    **SHARED,
    **{
        "kd_course.nb02_hinton.experiments": "SEEDS",
        "kd_helpers.models.low_precision": "lowered plain_twin rounded ternary",
    },
)
