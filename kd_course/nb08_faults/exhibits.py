"""The exhibits of notebook 08: real faults of public code, where they were found, how they look.

The links lead to the threads and repositories that the faults were read in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kd_course.nb08_faults import assertions as checks
from kd_course.nb08_faults import experiments as lab
from kd_course.nb08_faults.faulty_losses import BEST_STEP, RIGHT
from kd_helpers.experiments.recipe import Recipe

HAITONGLI = "https://github.com/haitongli/knowledge-distillation-pytorch/issues/"
KD_LIB = "https://github.com/SforAiDl/KD_Lib"


@dataclass(frozen=True)
class Exhibit:
    """One fault."""

    fault: str  # the name of its arm
    title: str
    wrong: str  # the line as it was
    right: str  # the line as it should be
    story: str
    links: tuple[str, ...]
    check: Callable[..., None]  # the assertion that would have caught it
    arms: Callable[[int], Mapping[str, Recipe]] = lab.fault_arms
    baseline: str = RIGHT  # the arm without the fault


EXHIBITS = (
    Exhibit(
        "mean",
        "the mean over too much",
        "kl_div(log_q, p)",
        'kl_div(log_q, p, reduction="batchmean")',
        "PyTorch's default divides by images times classes. The soft term shrinks by the number of "
        "classes, and a kd_weight found in such code means something else elsewhere.",
        (f"{HAITONGLI}48", "https://github.com/facebookresearch/deit/issues/61"),
        checks.soft_term_is_as_defined,
    ),
    Exhibit(
        "no T²",
        "T² is missing",
        "soft = kl_div(log_q, p, …)",
        "soft = T**2 * kl_div(log_q, p, …)",
        "The gradient of the soft term falls as 1/T², so raising T silently lowers the weight of "
        "the teacher. It was left out of a well-known example.",
        (
            "https://github.com/keras-team/keras-io/issues/869",
            "https://github.com/keras-team/keras-io/issues/870",
        ),
        checks.pull_does_not_hang_on_temperature,
    ),
    Exhibit(
        "roles swapped",
        "student and teacher swapped",
        "kl_div(log_p, q, …)",
        "kl_div(log_q, p, …)",
        "KL is not symmetric: with its arguments swapped the student may leave out what the "
        "teacher finds possible. In the thread the two networks themselves were swapped.",
        ("https://github.com/keras-team/keras-io/issues/257",),
        checks.a_known_value,
    ),
    Exhibit(
        "no logarithm",
        "probabilities where logarithms belong",
        "kl_div(p, q)",
        "kl_div(q.log(), p)",
        "The first argument has to be the student's log-probability, the second the teacher's "
        "probability. One library passed probabilities of both, and in the wrong order. PyTorch "
        "does not complain.",
        (KD_LIB,),
        checks.zero_where_both_agree,
    ),
    Exhibit(
        "softmax twice",
        "softmax of a softmax",
        "p = (probabilities / T).softmax(1)",
        "p = (logits / T).softmax(1)",
        "A network that ends in softmax answers with probabilities. They all lie between 0 and 1, "
        "so a second softmax makes them nearly equal.",
        ("https://github.com/yuanli2333/Teacher-free-Knowledge-Distillation",),
        checks.at_rest_where_both_agree,
    ),
    Exhibit(
        "T on the labels",
        "the labels get the temperature too",
        "hard = cross_entropy(z / T, labels)",
        "hard = cross_entropy(z, labels)",
        "The label term uses the student as it will be used: at T = 1.",
        (KD_LIB,),
        checks.label_term_is_cross_entropy,
    ),
    Exhibit(
        "teacher against itself",
        "the teacher is compared with itself",
        "log_q = (v / T).log_softmax(1)",
        "log_q = (z / T).log_softmax(1)",
        "After a change of names both distributions came from the teacher. The soft term was a "
        "small constant, and the student learnt from labels alone.",
        ("https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/66",),
        checks.teacher_pulls,
    ),
    Exhibit(
        "weights swapped",
        "α on the wrong term",
        "loss = α * hard + (1 - α) * soft",
        "loss = (1 - α) * hard + α * soft",
        "Half of the literature weighs the labels with α, the other half the teacher. Who takes a "
        "value from one and a formula from the other gets a tenth of what was meant.",
        (
            "https://github.com/IntelLabs/distiller/issues/122",
            "https://github.com/TropComplique/knowledge-distillation-keras/issues/2",
        ),
        checks.weight_1_needs_no_labels,
    ),
    Exhibit(
        "label without gradient",
        "the label term has no gradient",
        "hard = cross_entropy(z, labels).detach()",
        "hard = cross_entropy(z, labels)",
        "The printed loss held both terms and looked right; only one of them taught.",
        ("https://github.com/axolotl-ai-cloud/axolotl/pull/3660",),
        checks.labels_pull,
    ),
    Exhibit(
        "train mode",
        "the teacher in training mode",
        "teacher.train()  # by a parent module",
        "teacher.eval()",
        "Its batch normalisation then takes the statistics of the batch: the answer to an image "
        "depends on which others are in the batch. `student.train()` does this to a teacher "
        "that is a part of the student.",
        (
            "https://github.com/vrvlive/knowlege-distillation/issues/2",
            "https://github.com/neuralmagic/sparseml/pull/2191",
        ),
        checks.answer_does_not_hang_on_company,
    ),
    Exhibit(
        "learning teacher",
        "the teacher learns too",
        "v = teacher(images)  # and the optimiser has its weights",
        "with torch.no_grad(): v = teacher(images)",
        "eval() does not stop gradients. Where the optimiser knows the teacher's weights, the "
        "teacher moves to where the student is: both agree, about nothing in particular.",
        (f"{HAITONGLI}25", "https://github.com/wonchulSon/DGKD"),
        checks.teacher_takes_no_gradient,
    ),
    Exhibit(
        "reshuffled",
        "stored answers, shuffled images",
        "v = answers[place_in_this_pass]",
        "v = answers[number_of_the_image]",
        "The teacher's answers were listed in one shuffled pass, and read by place in the next, "
        "which was shuffled anew. Each image was taught with the answer to another one.",
        (
            f"{HAITONGLI}4",
            f"{HAITONGLI}23",
            "https://github.com/haitongli/knowledge-distillation-pytorch/pull/17",
        ),
        checks.answers_belong_to_their_images,
    ),
    Exhibit(
        "other view",
        "stored answers, augmented images",
        "v = answers[image]",
        "v = answers[image, view]",
        "The student sees shifted and mirrored pictures, the answers are those to the plain ones.",
        (f"{HAITONGLI}9", "https://github.com/haitongli/knowledge-distillation-pytorch/pull/16"),
        checks.answers_belong_to_these_pictures,
        lab.view_arms,
    ),
    Exhibit(
        "means as logits",
        "averaged probabilities taken for logits",
        "v = mean of the members' softmax",
        "v = T * log(mean of softmax(member / T))",
        "Three teachers answer as one. Their probabilities were averaged, then put through a "
        "softmax again: of ten classes none can get more than 0.23 then.",
        ("https://github.com/Adamantios/NN-Train",),
        checks.some_target_is_sure,
        lab.team_arms,
    ),
    Exhibit(
        BEST_STEP,
        "the best step on the test images",
        "report max(test accuracy of all steps)",
        "report test accuracy of the last step",
        "The best of many looks beats a single one, even if nothing was learnt in between. It is "
        "common in public code of this field.",
        (
            "https://github.com/imirzadeh/Teacher-Assistant-Knowledge-Distillation",
            "https://github.com/megvii-research/mdistiller/issues/7",
        ),
        checks.weights_do_not_know_the_test,
        lab.step_arms,
    ),
    Exhibit(
        "labels, a tenth of the learning rate",
        "unequal arms",
        "alone: learning rate 0.003; taught: 0.03",
        "alone: 0.03; taught: 0.03",
        "The student without a teacher was trained at another learning rate than the taught one. "
        "What the better rate brings is then credited to distillation.",
        (
            "https://github.com/Ujjwal-9/Knowledge-Distillation",
            "https://github.com/a7b23/Distilling-the-knowledge-in-neural-network/issues/1",
        ),
        checks.arms_differ_in_the_teacher_only,
        lab.unequal_arms,
        "labels",
    ),
    Exhibit(
        "untrained head",
        "a teacher with an untrained head",
        "load(weights, ignore_mismatched_sizes=True)",
        "fine-tune the new last layer first",
        "The weights were those of a network for other classes; the last layer did not fit and was "
        "made anew, with a warning. The first version of a guide let it teach, and called 65 "
        "against 63 % a gain.",
        ("https://github.com/huggingface/transformers/pull/25182",),
        checks.teacher_beats_guessing,
    ),
    Exhibit(
        "classes by name",
        "classes in another order",
        "classes = sorted(names)  # of the teacher alone",
        "columns = [teacher_classes.index(name) for name in classes]",
        "Folders are read in the order of their names, label files are not. Where the two differ, "
        "an output means one class to the teacher and another to the student. In the "
        "threads it was a test set whose labels were in another order.",
        (
            "https://github.com/modestyachts/ImageNetV2/issues/10",
            "https://github.com/facebookresearch/deit/issues/130",
        ),
        checks.classes_come_in_one_order,
    ),
    Exhibit(
        "T on one side",
        "T on one side only",
        "log_q = z.log_softmax(1)",
        "log_q = (z / T).log_softmax(1)",
        "The teacher is softened, the student is not. Nobody noticed while T was 1.",
        ("https://github.com/lancopku/DynamicKD/issues/1",),
        checks.logits_and_temperature_share_a_unit,
    ),
    Exhibit(
        "labels for the teacher",
        "distilled, from the true labels",
        "soft = T**2 * cross_entropy(z / T, labels)",
        "soft = T**2 * kl_div(log_q, p, …)",
        "A student that was to be trained on a teacher's answers saw the true labels. Its accuracy "
        "was fine; whatever was then concluded about distillation was about labels.",
        ("https://github.com/aidotse/LeakPro/pull/440",),
        checks.student_follows_any_teacher,
    ),
    Exhibit(
        "switch ignored",
        "a switch that does nothing",
        "# z, v = standardise(z), standardise(v)",
        "if standardised: z, v = standardise(z), standardise(v)",
        "With the method commented out, a reader of this code had the same accuracy as before; "
        "in another branch of the same code its flag was inverted. An ablation of such a switch "
        "finds that the method makes no difference. Here T = 1.",
        (
            "https://github.com/sunshangquan/logit-standardization-KD/issues/27",
            "https://github.com/sunshangquan/logit-standardization-KD/issues/15",
        ),
        checks.switch_changes_the_loss,
        lab.switch_arms,
    ),
    Exhibit(
        "mask on a scalar",
        "a mask multiplied onto a scalar",
        "soft = (mask * rows.mean()).mean()",
        "soft = (mask * rows).mean()",
        "Only the half of a batch that the teacher is less sure of was to be taught. But the loss "
        "was a mean already when the mask came: it chooses nothing and halves the soft term.",
        ("https://github.com/Jin-Ying/Multi-Level-Logit-Distillation/issues/2",),
        checks.masked_images_do_not_pull,
        lab.mask_arms,
    ),
    Exhibit(
        "ε in half precision",
        "an ε that is 0 in half precision",
        "(p + 1e-8).log()  # p in half precision",
        "(logits.float() / T).log_softmax(1)",
        "The smallest number above 0 in half precision is 6e-8, so a guard of 1e-8 guards nothing. "
        "In the thread it stood under a division; here under a logarithm, at T = 1. The loss is "
        "then not a number, and as many scripts do, the loop leaves the step out and says nothing.",
        ("https://github.com/lightonai/pylate/issues/239",),
        checks.sure_teacher_gives_a_number,
        lab.half_arms,
    ),
    Exhibit(
        "wrong axis",
        "the number of teachers from the wrong axis",
        "soft = sum(terms) / len(told)  # told: (B, M, K)",
        "soft = sum(terms) / told.shape[1]",
        "The mean over three teachers was divided by the size of the batch. Its author thought it "
        "a mere factor that should not matter much.",
        ("https://github.com/samuelstanton/gnosis/issues/17",),
        checks.copies_of_a_teacher_change_nothing,
        lab.axis_arms,
    ),
)


def recipes_of(exhibit: Exhibit, seed: int) -> tuple[Recipe, Recipe]:
    """(with the fault, without it)."""
    arms = exhibit.arms(seed)
    return arms[exhibit.fault], arms[exhibit.baseline]


def outcome(exhibit: Exhibit, *, is_on: bool) -> str:
    """Run the exhibit's assertion, with seed 0: "passes", or "fails: …" with its words."""
    recipe = recipes_of(exhibit, 0)[0 if is_on else 1]
    try:
        if exhibit.check is checks.arms_differ_in_the_teacher_only:
            exhibit.check(lab.fault_arms(0)[RIGHT], recipe)
        else:
            exhibit.check(checks.make_setup(recipe))
    except AssertionError as problem:
        return f"fails: {problem}"
    return "passes"
