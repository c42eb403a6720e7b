"""What the controls of the playground say: names as the literature has them, and examples."""

from __future__ import annotations

from kd_course.nb09_playground.setting import ALL, IMAGES, SCHEDULES, Setting

# String of a setting → what it asks.
EXAMPLES = {
    "kd1": "ResNet-20 teaches cnn-2 with 2,000 labelled images: does it help?",
    "kd1;images=600;schedule=600x128;T=16": "600 images in place of 2,000: more help, or less?",
    "kd1;teacher=cnn-4": "A worse teacher, cnn-4: is its student worse too?",
    "kd1;assistants=cnn-8+cnn-6+cnn-4;way=dense": "Three assistants: whose errors are shared?",
    "kd1;teacher=cnn-4-noisy": "Half of the teacher's labels were random: does it still help?",
    "kd1;teacher=cnn-4-noisy;treatment=swap": "The same teacher, its mistakes corrected by a "
    "probability shift",
    "kd1;student=cnn-4-1xn;teacher=cnn-4": "A third of the multiply-adds of its teacher: a third "
    "of the time?",
}
NOT_STORED = {"kd1;T=3": "T = 3, not stored: train it. Is it between T = 2 and T = 4?"}

NAMES: dict[str, dict] = {
    "images": {n: f"{n:,} ({100 * n / ALL:.3g} %)" for n in IMAGES},
    "schedule": {
        name: f"{how.steps:,} steps of {how.batch_size} images" for name, how in SCHEDULES.items()
    },
    "student": {"cnn-4-1xn": "cnn-4 with 1×N filters", "resnet-8": "ResNet-8"},
    "teacher": {
        "none": "none: labels alone",
        "resnet-20": "ResNet-20, 6,000 steps",
        "cnn-4-long": "cnn-4, 6,000 steps",
        "cnn-4-few": "cnn-4, from 600 labels",
        "cnn-4-noisy": "cnn-4, half of its labels random",
        "cnn-4-pairs": "cnn-4, 40 % with the next label",
    },
    "way": {
        "chain": "one by the other (TAKD)",
        "dense": "all by all larger ones (DGKD)",
        "stochastic": "the same, some left out (DGKD)",
    },
    "treatment": {
        "off": "distillation (Hinton 2015)",
        "standardised": "logit standardisation (Sun 2024)",
        "flsw": "dynamic T, focal (Wen 2019)",
        "cwsm": "dynamic T, confidence (Wen 2019)",
        "decoupled": "decoupled KD, DKD (Zhao 2022)",
        "wsld": "weighted soft labels (Zhou 2021)",
        "sure-0.9": "where the teacher is ≥ 90 % sure",
        "unsure-0.9": "where it is less than 90 % sure",
        "top-3": "the top 3 classes only",
        "all-but-top-3": "all but the top 3 classes",
        "swap": "probability shift (Wen 2019)",
        "replace": "knowledge adjustment (Wen 2019)",
        "mask": "without the teacher's mistakes",
        "trust": "weighted by p(true class)",
    },
}
LABELS = {
    "images": "labelled images",
    "schedule": "student's training",
    "way": "taught",
    "treatment": "method",
    "temperature": "T",
    "kd_weight": "α",
}


def name_of(field: str, value: object) -> str:
    """A value of a field as its control shows it."""
    return NAMES.get(field, {}).get(value, str(value))


def difference(setting: Setting, other: Setting) -> str:
    """What the other one has differently, such as "labelled images = 600, T = 2"."""
    changed = {f: v for f, v in vars(other).items() if v != getattr(setting, f)}
    told = {f: " + ".join(v) or "none" if f == "assistants" else v for f, v in changed.items()}
    told = {f: f"{v:g}" if isinstance(v, float) else name_of(f, v) for f, v in told.items()}
    return ", ".join(f"{LABELS.get(field, field)} = {value}" for field, value in told.items())
