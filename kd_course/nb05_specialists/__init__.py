"""Chapter 05: ensembles and specialists as teachers."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    checks="check_arithmetic check_dustbin check_special_labels",
    experiments=(
        "CIFAR_10 CIFAR_100 CLOTHES SVHN generalist specialists student_arms teachers "
        "tower_teachers"
    ),
    explorer="build_team_explorer",
    figures=(
        "draw_answers draw_clusters draw_gains_over draw_member_pairs draw_own_and_taught "
        "draw_sizes"
    ),
    member_answers="EnsembleAnswers ask_ensemble ask_specialists ask_towers",
    on_cifar="CLAIMS ON_CIFAR cifar_arms own_answers",
    tables="cost_table find_clusters latencies teacher_accuracy teacher_costs test_logits",
    **SHARED,
    **{
        "kd_course.claims": "claim_table",
        "kd_course.nb02_hinton.experiments": "SEEDS",
        "kd_course.nb02_hinton.on_cifar": "TEST_LABELS",
        "kd_helpers.experiments.room": "special_shares",
        "kd_helpers.experiments.metrics": "accuracy disagreement error_correlation",
        "kd_helpers.teachers.ensemble": "confidence_weights",
        "kd_helpers.teachers.specialists": "cluster_classes correct_dustbins",
        "kd_helpers.teachers.specialists_joint": "join_specialists mean_of_specialists",
    },
)
