"""Chapter 06: teacher assistants between a large teacher and a small student."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    chain_builder="build_ladder_explorer",
    checks="check_dense_loss check_overlap check_teaching",
    error_overlap="build_overlap_explorer",
    experiments=(
        "ASSISTANTS BOTH LARGE MEDIUM RIVAL STUDENT TEACHER WAYS ablation_arms gap_arms "
        "gap_teachers kind_arms kind_teachers ladder ladder_arms of_labels rival_arms "
        "row_arms row_ladder share_arms small_student"
    ),
    figures="draw_gains_over_direct draw_gap draw_ladders_on_cifar draw_on_cifar draw_overlaps",
    on_cifar=(
        "ALL FULL_SEEDS TEST_LABELS assistant_arms cifar_networks dense_arms full_arms rungs"
    ),
    tables=(
        "DENSE_CLAIMS claim_table cost_table kind_row length_table overlaps paper_table "
        "stored_rungs"
    ),
    **SHARED,
    **{
        "kd_course.nb02_hinton.experiments": "SEEDS",
        "kd_course.nb07_papers.tables": "paper_numbers",
        "kd_helpers.data.transfer_set": "select",
        "kd_helpers.experiments.ladders": "climb error_overlap",
        "kd_helpers.experiments.metrics": "accuracy",
        "kd_helpers.methods.targets": "entropy_bits soften",
        "kd_helpers.methods.terms": "hard_loss",
        "kd_helpers.training.loop": "predict",
    },
)
