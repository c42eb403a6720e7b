"""Words of the command line become recipes, or one sentence says what is wrong with them."""

import pytest

from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.settings import parse_grid
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import CrossEntropy, DecoupledKD, HintonKD
from kd_helpers.training.schedules import Schedule


def test_a_grid_is_every_combination_of_values_with_the_types_of_their_fields():
    words = "student=cnn-2,cnn-4 seed=0,1,2 schedule.steps=600 augmentation.flip=yes"
    grid = parse_grid(words.split())
    assert len(grid) == 6 and set(grid) == {
        Recipe(student=s, seed=n, schedule=Schedule(steps=600), augmentation=ViewSet(flip=True))
        for s in ("cnn-2", "cnn-4")
        for n in range(3)
    }
    words = "teacher=course temperature=2 transfer.hidden_classes=(7,) transfer.labelled=none"
    shown = TransferSet(hidden_classes=(7,))
    method = HintonKD(temperature=2.0)
    assert parse_grid(words.split()) == [Recipe(teacher=TEACHER, method=method, transfer=shown)]
    (recipe,) = parse_grid(["augmentation.flip=no", "label_smoothing=0.1"])
    assert recipe == Recipe(method=CrossEntropy(label_smoothing=0.1))


def test_what_means_the_same_training_is_listed_once():
    grid = parse_grid(["teacher=course", "kd_weight=0,0.9", "temperature=1,2,4"])
    assert len(grid) == 4 and grid[0] == Recipe()
    words = ["teacher=course", "method=HintonKD,DecoupledKD(beta=2.0)", "temperature=1"]
    assert [r.method for r in parse_grid(words)] == [
        HintonKD(temperature=1.0),
        DecoupledKD(beta=2.0, temperature=1.0),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    (
        ("temprature=2", "unknown setting temprature; known: student, seed"),
        ("transfer.image=2", "unknown setting transfer.image; known: transfer.images"),
        ("seed.x=2", "unknown setting seed.x"),
        ("temperature", "expected NAME=VALUE"),
        ("student=cnn-3", "unknown model 'cnn-3'"),
        ("teacher=course temperature=-1", "got temperature=-1.0; expected"),
        ("temperature=9", "got temperature without a teacher; add teacher=course"),
        ("teacher=resnet-20", "expected course"),
        ("schedule=3", "expected its settings, such as schedule."),
        ("schedule.batch_size=32.5", "got batch_size=32.5; expected a whole number"),
        ("augmentation.flip=perhaps", "expected True or False"),
        ("special=3", "got special=3; expected several values"),
        ("method=NoSuch", "expected one of"),
    ),
)
def test_a_mistake_is_named(words, told):
    with pytest.raises(ValueError) as caught:
        parse_grid(words.split())
    assert told in str(caught.value)
