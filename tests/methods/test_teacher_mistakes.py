from functools import partial

import pytest
import torch

import by_hand as hand
from by_hand import K, T, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import HintonKD, MaskMistakes, ReplaceMistakes, SwapMistakes, TrustTrueClass
from kd_helpers.methods.teacher_mistakes import mistaken, replace_mistakes, swap_mistakes

KD = HintonKD(temperature=T)
EVERY = {
    SwapMistakes(KD): {"correct": hand.swapped},
    ReplaceMistakes(KD): {"correct": hand.replaced},
    ReplaceMistakes(KD, smoothing=0.4): {"correct": partial(hand.replaced, smoothing=0.4)},
    ReplaceMistakes(KD, soften=True): {"correct": partial(hand.replaced, heat=1.0)},
    MaskMistakes(KD): {"weigh": hand.mask},
    TrustTrueClass(KD): {"weigh": hand.trust},
}


def test_each_correction_is_that_of_its_definition_and_leaves_hidden_labels_alone():
    for given in (random_batch(), partly_hidden(random_batch())):
        for method, parts in EVERY.items():
            found = learnt(method, given)[0].item()
            assert found == pytest.approx(soft_term(given, **parts), rel=1e-4), method


def test_a_teacher_who_is_right_is_not_corrected():
    student, teacher, _ = random_batch()
    given = student, teacher, teacher.argmax(1)
    for method in [m for m in EVERY if not isinstance(m, TrustTrueClass)]:
        torch.testing.assert_close(learnt(method, given), learnt(KD, given))
    assert swap_mistakes(teacher, teacher.argmax(1)).equal(teacher)


def test_after_a_correction_the_teacher_is_right():
    _, teacher, labels = random_batch()
    wrong = mistaken(teacher, labels)
    assert 0 < wrong.sum() < len(wrong)
    swapped = swap_mistakes(teacher, labels)
    replaced = replace_mistakes(teacher, labels, smoothing=0.1, temperature=T)
    for corrected in (swapped, replaced):
        assert corrected.argmax(1).equal(labels) and corrected[~wrong].equal(teacher[~wrong])
    assert swapped.sort(1).values.equal(teacher.sort(1).values)  # the same numbers, exchanged
    target = 0.1 / K + 0.9 * torch.eye(K)[labels[wrong]]
    torch.testing.assert_close((replaced[wrong] / T).softmax(1), target)


def test_a_label_that_says_never_cannot_be_logits():
    for bad in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="got smoothing="):
            ReplaceMistakes(smoothing=bad)
    with pytest.raises(ValueError, match="logits cannot say 'never'"):
        replace_mistakes(*random_batch()[1:], smoothing=0.0, temperature=T)
