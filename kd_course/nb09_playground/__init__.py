"""Chapter 09: all controls of the course on one page."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    find_or_train="scores_of",
    page="build_playground",
    pictures="in_words",
    tables="example_table",
    **SHARED,
)
