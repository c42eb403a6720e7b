"""Chapter 08: the faults of public code, and how correct distillation fails."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    assertions="make_setup",
    checks="check_detector check_ratio",
    exhibits="EXHIBITS outcome",
    experiments="FAULTS fault_arms taught unequal_arms with_fault",
    explorer="GUESSES build_museum_explorer",
    figures="draw_costs",
    tables="arms_of exhibit_table",
    **SHARED,
    **{
        "kd_course.nb02_hinton.experiments": "SEEDS full_arms",
        "kd_course.nb06_assistants.experiments": "gap_arms gap_teachers",
    },
)
