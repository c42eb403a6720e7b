"""Chapter 10: pictures of one's own, from the folder to the file that leaves."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    checks="LIMIT check_nearest nearest",
    checkpoint="save_checkpoint",
    delivery="make_delivery",
    experiments="delivery_runs without_copies",
    figures="draw_distances draw_pairs",
    folder="make_folder place some_picture",
    mend="mended",
    show="show_folder show_report",
    tables="copy_table verdicts_of",
    **SHARED,
    **{
        "kd_helpers.teachers.weights": "load_weights",
        "kd_helpers.training.examine": "examine",
        "kd_helpers.training.fit_head": "fit_head",
    },
)
