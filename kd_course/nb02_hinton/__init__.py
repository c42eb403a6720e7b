"""Notebook 02: the loss, the loop, and whether a teacher helps a small student."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    bias_slider="build_bias_slider",
    experiments="HIDDEN_CLASS SEEDS TEACHER Recipe Schedule full_arms hidden_class_arms "
    "lab_arms map_arms source_arms taught",
    explorers="build_gradient_explorer build_settings_explorer",
    figures="draw_gain_map draw_gradients draw_lab draw_panel draw_recalls draw_sources",
    on_cifar="CIFAR_10 RESNETS_10 TEST_LABELS cifar_arms",
    own_targets="build_own_targets",
    race="build_race",
    tables="gain_matrix recalls",
    train_panel="TrainingPanel",
    **SHARED,
    **{
        "kd_course.claims": "draw_students",
        "kd_course.exercises": "check_gradient check_kd_loss check_labelled_loss",
        "kd_helpers.data.transfer_set": "load_source",
        "kd_helpers.experiments.metrics": "accuracy",
        "kd_helpers.experiments.run": "teacher_of",
        "kd_helpers.runtime.device": "autocast pick_precision",
        "kd_helpers.training.batches": "batches",
        "kd_helpers.training.schedules": "make_optimiser",
    },
)
