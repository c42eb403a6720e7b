from functools import partial

import pytest

import by_hand as hand
from by_hand import T, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import HintonKD, MaskMistakes, ReplaceMistakes, SwapMistakes, TrustTrueClass
from kd_helpers.methods.teacher_mistakes import replace_mistakes

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


def test_a_label_that_says_never_cannot_be_logits():
    for bad in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="got smoothing="):
            ReplaceMistakes(smoothing=bad)
    with pytest.raises(ValueError, match="logits cannot say 'never'"):
        replace_mistakes(*random_batch()[1:], smoothing=0.0, temperature=T)
