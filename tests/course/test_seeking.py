"""The explorer of covering and seeking: the shared answer, and its control at both ends."""

import numpy as np
import torch
from scipy.stats import gmean

from kd_course.nb03_confidence.seeking import build_seeking_explorer, shared_answer
from kd_helpers.methods.abkd import divergence

LOGITS = 3 * torch.randn(2, 10, generator=torch.Generator().manual_seed(2)).double()
TARGETS = LOGITS.softmax(dim=1)


def test_the_answer_has_the_smallest_mean_divergence_and_its_ends_are_the_two_means():
    for beta in (0.0, 0.05, 0.3, 0.5, 0.95, 1.0):
        free = torch.zeros(10, dtype=torch.double, requires_grad=True)
        optimiser = torch.optim.LBFGS([free], max_iter=500, line_search_fn="strong_wolfe")

        def loss(free=free, beta=beta, optimiser=optimiser):
            optimiser.zero_grad()
            log_q = free.log_softmax(dim=0).expand(2, -1)
            found = divergence(TARGETS.log(), log_q, 1 - beta, beta).mean()
            found.backward()
            return found

        optimiser.step(loss)
        torch.testing.assert_close(
            shared_answer(LOGITS, beta), free.softmax(dim=0), rtol=1e-2, atol=1e-4
        )
    geometric = gmean(TARGETS.numpy(), axis=0)
    np.testing.assert_allclose(shared_answer(LOGITS, 0.0), TARGETS.mean(dim=0))
    np.testing.assert_allclose(shared_answer(LOGITS, 1.0), geometric / geometric.sum())


def test_the_control_goes_from_two_peaks_to_what_both_images_allow():
    teacher = torch.tensor([[9.0, 0.0, 6.0], [0.0, 9.0, 6.0]])
    images = np.zeros((2, 1, 28, 28), dtype=np.uint8)
    explorer = build_seeking_explorer(images, teacher, torch.tensor([0, 1]), ["A", "B", "C"])
    assert "One answer to both: A 0.48, then B 0.48" in explorer.view.value
    explorer.controls["beta"].value = 1.0
    assert "One answer to both: C 0.69, then A 0.15" in explorer.view.value
    explorer.controls["other"].value = 0  # the same image twice: nothing to give up
    assert "One answer to both: A 0.95, then C 0.05" in explorer.view.value
    explorer.reset()
    assert explorer.state == {"beta": 0.0, "one": 0, "other": 1}
