import pytest
import torch
from torch.nn import functional as F

from by_hand import random_batch
from kd_helpers.data.splits import Split
from kd_helpers.methods import FitNets, HintonKD
from kd_helpers.teachers import NetworkTeacher
from kd_helpers.training import checkpoints
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule

SHAPE = {"num_classes": 10, "in_channels": 1, "image_size": 28}
HINT = FitNets(student_layer="body.3", teacher_layer="body.7", hint_share=0.5)
SCHEDULE = Schedule(steps=8, batch_size=16, learning_rate=0.05)


@pytest.fixture
def split(monkeypatch) -> Split:
    monkeypatch.setattr(checkpoints, "SHARE_OF_TIME", float("inf"))
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (64, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(10, (64,), generator=generator))


def networks():
    student = make_student("cnn-2", seed=0, **SHAPE)
    return student, make_student("cnn-4", seed=1, **SHAPE).eval()


def trained(split, method=HINT, **how):
    student, teacher = networks()
    before = student.body[9].weight.detach().clone()  # of the layer after the hint
    history = train(
        student,
        split,
        method=method,
        schedule=SCHEDULE,
        teacher=NetworkTeacher(teacher),
        report_every=1,
        **how,
    )
    return student, history, before


def test_first_the_hint_alone_is_learnt_then_plain_distillation(split):
    student, history, before = trained(split, should_stop=iter([False] * 4 + [True]).__next__)
    hints = history.terms["hint"]
    assert hints[3] < hints[0] and history.terms["loss"][0] == hints[0]
    behind = student.body[
        9
    ].weight  # behind the hint weights have not moved yet, but for their decay
    torch.testing.assert_close(behind, before, rtol=1e-2, atol=0)
    student, history, before = trained(split)
    assert (student.body[9].weight - before).abs().max() > 0.05 * before.abs().max()
    given = random_batch()
    features = torch.rand(2, 64, 3)
    late, plain = HINT.at(0.5)(*given, *features), HintonKD()(*given)
    assert late["loss"] == plain["loss"] and late["hint"] == F.mse_loss(*features) / 2


def test_the_hint_is_half_the_mean_squared_distance_to_the_teachers_layer():
    student, teacher, labels = random_batch()
    mine, its = torch.rand(64, 5, requires_grad=True), torch.rand(64, 5)
    terms = HINT.at(0.0)(student.requires_grad_(), teacher, labels, mine, its)
    assert terms["loss"].item() == pytest.approx(((mine - its) ** 2).mean().item() / 2)
    terms["loss"].backward()
    assert not student.grad.any() and mine.grad.any()


def test_a_training_with_hints_goes_on_where_it_was(split, tmp_path):
    whole, history, _ = trained(split)
    for part in ({"should_stop": iter([False] * 3 + [True]).__next__}, {}):
        state = Checkpoint(tmp_path / "state", {}, every=0.0)
        again, history_again, _ = trained(split, checkpoint=state, **part)
    assert all(w.equal(again.state_dict()[name]) for name, w in whole.state_dict().items())
    assert history.terms == history_again.terms


def test_what_cannot_give_a_hint_says_so(split):
    with pytest.raises(ValueError, match="expected student_layer and teacher_layer"):
        FitNets()
    with pytest.raises(ValueError, match="got hint_share="):
        FitNets(student_layer="a", teacher_layer="b", hint_share=1.0)
    words = r"got the layer 'body\.99'; expected one of body, body\.0"
    with pytest.raises(ValueError, match=words):
        trained(split, FitNets(student_layer="body.99", teacher_layer="body.7"))
    logits = {"teacher": lambda batch: torch.zeros(len(batch.images), 10), "schedule": SCHEDULE}
    with pytest.raises(ValueError, match="answers with logits only"):
        train(networks()[0], split, method=HINT, **logits)
