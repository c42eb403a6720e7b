"""The recipes of the stored runs of notebooks 01 and 02, and the course's teacher."""

from __future__ import annotations

from dataclasses import replace

from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.training.schedules import Schedule

SEEDS = (0, 1, 2, 3, 4)
LABELLED = 600  # labelled images in the laboratory of notebook 02
TRANSFER = 12_000  # images that the student sees in all, where it also sees unlabelled ones
SOFT_SMOOTHING = (
    0.45  # as much entropy as the mean soft target at T = 4 on training images: 2.26 bits
)
HIDDEN_CLASS = 7  # Sneaker, left out of the transfer set in one experiment
TEMPERATURES, KD_WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0), (0.25, 0.5, 0.9, 1.0)

TEACHER = Recipe(
    student="resnet-20",
    schedule=Schedule(steps=6000, batch_size=128, learning_rate=0.1),
    augmentation=ViewSet(flip=True, max_shift=2),
)
LAB = Schedule(steps=600, batch_size=128, learning_rate=0.1)
FULL = Schedule(steps=3000, batch_size=128, learning_rate=0.1)


def taught(recipe: Recipe, temperature: float = 4.0, kd_weight: float = 0.9) -> Recipe:
    """The same recipe with the course's teacher. T = 4 and weight 0.9 are the setting of the
    published KD benchmarks on CIFAR-100 (RepDistiller, mdistiller)."""
    method = HintonKD(temperature=temperature, kd_weight=kd_weight)
    return replace(recipe, teacher=TEACHER, method=method)


def smoothed(recipe: Recipe, label_smoothing: float) -> Recipe:
    """The same recipe on its labels alone, smoothed."""
    return replace(recipe, teacher=None, method=CrossEntropy(label_smoothing=label_smoothing))


def lab_arms(seed: int) -> dict[str, Recipe]:
    """Notebook 02: one small student, few labels, and what a teacher adds. Same number of steps."""
    few = Recipe(seed=seed, transfer=TransferSet(images=LABELLED), schedule=LAB)
    many = replace(few, transfer=TransferSet(images=TRANSFER, labelled=LABELLED))
    return {
        "600 labels": few,
        "600 labels smoothed by 0.1": smoothed(few, 0.1),
        "600 labels smoothed by 0.45": smoothed(few, SOFT_SMOOTHING),
        "600 labels + teacher": taught(few),
        "600 labels + 11,400 without + teacher": taught(many),
        "12,000 labels": replace(few, transfer=TransferSet(images=TRANSFER)),
    }


def map_arms(seed: int) -> dict[tuple[float, float], Recipe]:
    """Notebook 02: 600 labelled images under every temperature and kd_weight."""
    few = lab_arms(seed)["600 labels"]
    return {(t, w): taught(few, t, w) for t in TEMPERATURES for w in KD_WEIGHTS}


def hidden_class_arms(seed: int) -> dict[str, Recipe]:
    """Notebook 02: no sneaker among the transfer images (Hinton et al. 2015, section 3)."""
    shown = TransferSet(images=TRANSFER, hidden_classes=(HIDDEN_CLASS,))
    base = Recipe(seed=seed, transfer=shown, schedule=LAB)
    return {"labels only": base, "teacher only": taught(base, temperature=8.0, kd_weight=1.0)}


def source_arms(seed: int) -> dict[str, Recipe]:
    """Notebook 02: no label at all, and pictures of other things (after Kulkarni et al. 2017)."""
    sets = {
        "12,000 clothes": TransferSet(images=TRANSFER, labelled=0),
        "1,797 digits": TransferSet(labelled=0, source="digits"),
        "12,000 noise pictures": TransferSet(labelled=0, source="noise"),
    }
    return {
        name: taught(Recipe(seed=seed, transfer=transfer, schedule=LAB), kd_weight=1.0)
        for name, transfer in sets.items()
    }


def drawers() -> dict[str, Recipe]:
    """Notebook 01, the drawing: networks small enough for a page. The teacher is one that was
    trained as the course's, which taught the distilled student."""
    return minds() | {"teacher": replace(TEACHER, student="cnn-4")}


def minds() -> dict[str, Recipe]:
    """Notebook 01, the polygon: the teacher, and one student taught in two ways."""
    students = full_arms(0)
    return {
        "teacher": TEACHER,
        "student, labels only": students["student, hard labels"],
        "student, distilled": students["student, distilled"],
    }


def full_arms(seed: int) -> dict[str, Recipe]:
    """Notebook 02, closing table: the same student on all 54,000 training images."""
    base = Recipe(seed=seed, schedule=FULL)
    return {
        "student, hard labels": base,
        "student, smoothed labels": smoothed(base, 0.1),
        "student, distilled": taught(base),
    }
