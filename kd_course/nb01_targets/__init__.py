"""Notebooks 00 and 01: the images, and what a teacher's answer says beyond the label."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    figures="draw_samples draw_views draw_ambiguous draw_hard_and_soft draw_certainty draw_logits "
    "draw_similarity draw_smoothed_and_soft draw_entropies",
    drawing="build_drawing",
    polygon="build_polygon",
    **SHARED,
    **{
        "kd_course.exercises": "check_accuracy check_most_similar check_smooth_labels check_soften",
        "kd_course.nb02_hinton.experiments": "TEACHER drawers minds",
        "kd_course.nb02_hinton.explorers": "build_temperature_explorer build_view_explorer",
        "kd_helpers.runtime.device": "pick_precision",
    },
)
