"""A student, a teacher and images of one's own in a recipe: found again, and nothing mixed up."""

import subprocess
import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn

from kd_helpers import Recipe, load_dataset, load_or_train
from kd_helpers.data import own
from kd_helpers.data.splits import DataError, Dataset, Split
from kd_helpers.experiments.room import dataset_of
from kd_helpers.methods import HintonKD
from kd_helpers.models.own import key_of
from kd_helpers.teachers.adapted import adapted
from kd_helpers.teachers.outside import outside
from kd_helpers.training.schedules import Schedule

SHORT = Schedule(steps=20, batch_size=32)
MODULE = """
from torch import nn
def small(num_classes, in_channels):
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten())
    return pooled.append(nn.Linear(49 * in_channels, num_classes))
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.syspath_prepend(tmp_path)


def some_images(classes=3, each=40, shape=(1, 28, 28)) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(classes * each) % classes
    images = torch.randint(0, 60, (len(labels), *shape), generator=generator, dtype=torch.uint8)
    images[:, :, 0, :classes] = 0
    images[torch.arange(len(labels)), :, 0, labels] = 255  # one bright pixel tells the class
    part = Split(images, labels)
    return Dataset("dots", tuple(f"dot {k}" for k in range(classes)), part, part, part)


def linear(num_classes, in_channels, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))


def test_a_recipe_of_own_parts_is_trained_stored_and_found_again():
    data, teacher = some_images(), linear(3, 1, 28)
    recipe = Recipe(
        student=linear, dataset=data, teacher=teacher, method=HintonKD(), schedule=SHORT
    )
    run = load_or_train(recipe, quiet=True)
    assert Recipe.from_record(run.record) == recipe
    assert load_or_train(recipe, quiet=True).record == run.record
    answers = run.model()(data.test.images.float() / 255).argmax(dim=1)
    assert torch.equal(answers, run.answers())
    assert dataset_of(recipe).classes == data.classes


def test_what_is_learnt_comes_from_the_given_teacher():
    data = some_images()
    sure = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
    with torch.no_grad():
        sure[1].weight.zero_()
        sure[1].bias.copy_(torch.tensor([0.0, 9.0, 0.0]))  # it says "dot 1" to every image
    recipe = Recipe(
        student=linear, dataset=data, teacher=sure, method=HintonKD(kd_weight=1.0), schedule=SHORT
    )
    assert (load_or_train(recipe, quiet=True).answers() == 1).all()


def test_images_are_named_by_their_content():
    data = some_images()
    kept = own.keep(data)
    assert own.keep(replace(data, name="moved")).key == kept.key
    assert load_dataset(kept.key).fingerprint == data.fingerprint
    changed = data.train.images.clone()
    changed[5, 0, 20, 20] ^= 1
    others = (
        replace(data, train=Split(changed, data.train.labels)),
        replace(data, classes=("a", "b", "c")),
        replace(data, val=data.val.subset(torch.arange(119))),
        replace(data, test=Split(data.test.images, data.test.labels.roll(1))),
    )
    assert len({kept.key, *(Recipe(dataset=other).dataset for other in others)}) == 5


def test_lost_or_damaged_images_are_named():
    key = own.keep(some_images()).key
    path = own.path_of(key.removeprefix(own.OWN))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    for bad in (bytes(content), content[:999], b"", None):
        path.write_bytes(bad) if bad is not None else path.unlink()
        with pytest.raises(DataError, match=r"expected .*image_folder"):
            load_dataset(key)


def test_another_process_makes_the_network_and_finds_the_images(tmp_path):
    (tmp_path / "my_networks.py").write_text(MODULE)
    recipe = Recipe(student="my_networks:small", dataset=some_images(), schedule=SHORT)
    run = load_or_train(recipe, quiet=True)
    code = f"""
from kd_helpers import Recipe, load_dataset
from kd_helpers.experiments.run import load_run
recipe = Recipe.from_record({run.record!r})
images = load_dataset(recipe.dataset).train
print(recipe.hash, load_run(recipe).model()[2].out_features, len(images))
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.stdout.split() == [recipe.hash, "3", "120"], said.stderr


def test_another_code_or_other_weights_are_another_student(tmp_path):
    (tmp_path / "nets_of_mine.py").write_text(MODULE)
    first = key_of("nets_of_mine:small")
    assert key_of("nets_of_mine:small") == first
    del sys.modules["nets_of_mine"]
    (tmp_path / "nets_of_mine.py").write_text(MODULE.replace("Pool2d(7)", "Pool2d( 7)"))
    assert key_of("nets_of_mine:small") != first
    with pytest.raises(ValueError, match="has changed since"):
        load_or_train(Recipe(student=first, dataset=some_images(), schedule=SHORT), quiet=True)
    networks = [linear(3, 1, 28) for _ in range(2)]
    assert len({key_of(network) for network in networks}) == 2


def test_an_own_module_starts_from_its_weights_and_is_left_as_it_is():
    network, data = linear(3, 1, 28), some_images()
    before = network[1].weight.clone()
    slow = Schedule(steps=1, batch_size=8, learning_rate=1e-9)
    run = load_or_train(Recipe(student=network, dataset=data, schedule=slow), quiet=True)
    assert torch.allclose(run.model()[1].weight, before, atol=1e-6)
    load_or_train(Recipe(student=network, dataset=data, schedule=SHORT), quiet=True)
    assert torch.equal(network[1].weight, before)


def test_more_than_256_classes():
    data = some_images(classes=300, each=2, shape=(1, 28, 300))
    run = load_or_train(Recipe(student=wide, dataset=data, schedule=SHORT), quiet=True)
    trained = run.model()(data.test.images.float() / 255).argmax(dim=1)
    same = (run.answers() == trained).float().mean()
    assert same > 0.9  # stored answers are those of logits in half precision, which has ties
    assert run.answers().max() > 255


def wide(num_classes, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(image_size[0] * image_size[1], num_classes))


REFUSED = [
    (lambda: Recipe(student=3), "expected a name, a torch.nn.Module, or a function"),
    (lambda: Recipe(student="nowhere_at_all:net"), "expected a function that can be imported"),
    (lambda: Recipe(student="os:nothing"), "expected a function that can be imported"),
    (lambda: made("os:getcwd"), "gave a str; expected a torch.nn.Module"),
    (lambda: made(lambda: nn.Flatten()), r"logits \(2, 3\); got \(2, 784\)"),
    (lambda: made(lambda: nn.Linear(5, 3)), r"expected that it takes images .* it says: mat1"),
    (lambda: made(lambda: nn.LSTM(28, 3)), r"logits \(2, 3\)"),
    (lambda: Recipe(teacher=types.SimpleNamespace(), method=HintonKD()), "a network"),
    (lambda: Recipe(dataset="own:0123456789ab") and made(dataset="own:0123456789ab"), "found noth"),
    (lambda: made("cnn-2", dataset=some_images(shape=(1, 28, 40))), "28×40 pixels; cnn-2 takes sq"),
]


def made(student="cnn-2", dataset=None):
    data = dataset or some_images()
    return load_or_train(Recipe(student=student, dataset=data, schedule=SHORT), quiet=True)


def test_what_does_not_fit_is_refused_in_a_sentence():
    for make, words in REFUSED:
        with pytest.raises((ValueError, DataError), match=words):
            make()


def test_a_given_teacher_is_named_by_its_weights_and_by_how_it_sees():
    network = linear(3, 1, 28)
    told = [outside(network), outside(adapted(network)), outside(adapted(network, mean=0.5, std=1))]
    told.append(outside(adapted(network, classes="abc").for_classes("cab")))
    told.append(outside(linear(3, 1, 28).bfloat16()))
    assert len({teacher.fingerprint for teacher in told}) == len(told)
    assert outside(adapted(network)) == told[1]
