"""Chapter 07: the papers' numbers beside ours."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    checks="check_best_of_nothing check_seeds_needed",
    ladders="paper_ladder",
    newest="draw_published published repetitions",
    pages="agreements difference_figure html_table markdown",
    reproduce="find names",
    rows="lines_of",
    tables="paper_numbers tables",
    **SHARED,
    **{
        "kd_course.nb02_hinton.experiments": "SEEDS",
        "kd_course.nb03_confidence.experiments": "treatment_arms",
    },
)
