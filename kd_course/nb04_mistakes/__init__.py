"""Notebook 04: teachers that are wrong, and ways to correct them."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    experiments="CORRECTIONS HALF TEACHERS correction_arms noisy_label_arms refined_arms",
    explorer="build_mistake_explorer mistaken_rows",
    on_cifar="CLAIMS TEACHERS_ON_CIFAR cifar_arms clothes_arms",
    figures="draw_calibration draw_doubtful draw_gains_over draw_gains_where draw_mistakes",
    **SHARED,
    **{
        "kd_course.claims": "claim_table draw_students",
        "kd_course.nb02_hinton.experiments": "SEEDS",
        "kd_course.nb02_hinton.on_cifar": "CIFAR_100 TEST_LABELS",
        "kd_course.nb03_confidence.checks": "check_mistakes check_swap check_trust",
        "kd_course.nb03_confidence.experiments": "small_student",
        "kd_helpers.data.transfer_set": "select",
    },
)
