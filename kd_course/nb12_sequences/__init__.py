"""Chapter 12: from letters to phonemes, and how a beam is handed down."""

from kd_course.common import SHARED, lazy

__getattr__ = lazy(
    __name__,
    beam="Beam search spell",
    checks="check_nearest_hypothesis check_phoneme_error_rate check_token_loss",
    error_rates="edit_distance errors phoneme_error_rate word_error_rate",
    experiments=(
        "BEAM DICTIONARY NEAREST SEEDS SOFT TEACHER WIDTH arms load_or_train names nearest "
        "speller_of teacher word_errors"
    ),
    explorer="attention build_spelling_explorer",
    figures="draw_rates",
    per_token="PerToken",
    tables="collect_results disagreements rate_table seconds_per_thousand",
    words="CLASSES END PHONEMES PLACES START dictionary encode letters_of splits",
    **SHARED,
)
