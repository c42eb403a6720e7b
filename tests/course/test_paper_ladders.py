"""The ladders of the papers: every setting against papers and public codes."""

import itertools
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kd_course.nb07_papers import ladders
from kd_course.nb07_papers.ladders import CLASSES, CRD, LADDERS, SETTINGS, paper_ladder
from kd_helpers.experiments.ladders import WAYS
from kd_helpers.methods import CrossEntropy
from kd_helpers.training.schedules import make_optimiser

PAPER, DGKD, TAKD = SETTINGS
MANY = ("dense", "stochastic")
EVERY = [
    (ladder, dataset, setting, way)
    for ladder, dataset, setting, way in itertools.product(LADDERS, CLASSES, SETTINGS, WAYS)
    if (setting != TAKD or way not in MANY) and (setting == PAPER or ladder not in CRD)
]


def test_every_ladder_has_the_networks_of_the_paper_and_each_rung_its_teachers():
    assert LADDERS["plain"] == tuple(f"cnn-{n}" for n in (10, 8, 6, 4, 2))
    assert LADDERS["plain, one assistant"] == ("cnn-10", "cnn-4", "cnn-2")
    assert LADDERS["resnet"] == tuple(f"resnet-{n}" for n in (26, 20, 14, 8))
    assert LADDERS["resnet, one assistant"] == ("resnet-110", "resnet-20", "resnet-8")
    assert (LADDERS["wide"][0], LADDERS["wide"][-1]) == ("wrn-40-2", "wrn-16-2")
    assert (LADDERS["vgg"][0], LADDERS["vgg"][-1]) == ("vgg-13", "vgg-8")
    hashes = []
    for ladder, dataset, setting, way in EVERY:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rungs = paper_ladder(ladder, dataset, way, setting=setting, seed=4)
        names = LADDERS[ladder]
        kept = (names[0], names[-1]) if way == "direct" else names
        assert tuple(rung.student for rung in rungs) == kept
        for place, rung in enumerate(rungs):
            assert rung.teachers == (rungs[:place] if way in MANY else rungs[:place][-1:])
        assert {(r.dataset, r.seed) for r in rungs} == {(dataset, 4)}
        assert len({(r.schedule, r.augmentation) for r in rungs}) == 1
        hashes.append((ladder, dataset, rungs[-1].hash))
    assert len(set(hashes)) == len(hashes)


def test_the_learning_rate_of_every_epoch_and_the_views():
    for ladder, dataset, setting, way in EVERY:
        top = paper_ladder(ladder, dataset, way, setting=setting)[0]
        schedule, views = top.schedule, top.augmentation
        epochs, batch, decay = (240, 64, 5e-4) if ladder in CRD else (160, 128, 1e-4)
        assert (schedule.batch_size, schedule.weight_decay) == (batch, decay)
        assert schedule.steps == pytest.approx(epochs * ladders.IMAGES[dataset] / batch, abs=0.51)
        optimiser, rate = make_optimiser(nn.Linear(1, 1), schedule)
        assert optimiser.defaults["momentum"] == 0.9 and not optimiser.defaults["nesterov"]
        for epoch in (0, 10, 79, 80, 119, 120, 149, 150, 159, 179, 180, 209, 210, 239):
            if epoch < epochs:
                step = int((epoch + 0.5) * schedule.steps / epochs)
                found = rate.base_lrs[0] * rate.lr_lambdas[0](step)
                assert found == pytest.approx(rate_at(epoch, ladder, setting)), (ladder, epoch)
        plain = setting != PAPER or ladder.startswith("plain")
        mirrored = not plain and dataset != "svhn"
        assert (views.max_shift, views.flip, views.per_image) == (0 if plain else 4, mirrored, None)


def rate_at(epoch: int, ladder: str, setting: str) -> float:
    if ladder in CRD:
        return 0.05 * 0.1 ** sum(epoch >= drop for drop in (150, 180, 210))
    if ladder.startswith("plain"):
        return 0.01
    # The condition in TAKD's code compares an epoch with half of itself.
    first = epoch < int(epoch / 2) if setting == TAKD else epoch < 80
    return 0.1 if first else 0.01 if epoch < 120 else 0.001


def test_the_loss_is_that_of_the_paper_or_of_its_code():
    torch.manual_seed(0)
    for ladder, dataset, setting, way in EVERY:
        classes, T = CLASSES[dataset], 4.0 if ladder in CRD else 5.0
        weight = {PAPER: 0.9 if ladder in CRD else 0.5, DGKD: 1.0, TAKD: 0.5}[setting]
        top, *rungs = paper_ladder(ladder, dataset, way, setting=setting)
        assert top.method == CrossEntropy()
        for rung in rungs:
            count = len(rung.teachers)
            student, labels = torch.randn(6, classes), torch.randint(classes, (6,))
            told = torch.randn(count, 6, classes) * 3
            assert rung.method.kd_weight == weight
            times = count if setting == PAPER else 1  # (n + 1)(1 - λ) in the paper
            hard = times * 0.3 * F.cross_entropy(student, labels)  # at λ = 1 it would not be seen
            how = "batchmean" if setting == PAPER else "mean"  # which divides by the classes, too
            log_q = F.log_softmax(student / T, 1)
            soft = [
                0.7 * T**2 * F.kl_div(log_q, F.softmax(one / T, 1), reduction=how) for one in told
            ]
            is_random = way == "stochastic" and rung is rungs[-1]
            loss, sources = replace(rung.method, kd_weight=0.7), torch.cat(list(told), 1)
            tries = range(80 if is_random else 1)
            drawn = [loss(student, sources, labels)["loss"].item() for _ in tries]
            possible = [sum(soft)]
            if is_random and setting == DGKD:  # exactly one is left out
                possible = [sum(soft) - one for one in soft]
            elif is_random:
                kept = itertools.product((0, 1), repeat=count)
                possible = [sum(k * s for k, s in zip(on, soft, strict=True)) for on in kept]
            near = [torch.isclose(torch.tensor(drawn), hard + one, 1e-4, 1e-6) for one in possible]
            assert torch.stack(near).any(dim=0).all(), (ladder, dataset, setting, way)
            assert sum(bool(hits.any()) for hits in near) >= (count if is_random else 1)
        if way == "stochastic" and setting == PAPER:
            assert rungs[-1].method.survival == 0.75


def test_what_there_is_not_is_named():
    for ladder, dataset, way, setting, words in (
        ("plane", "svhn", "chain", PAPER, "'plane'.*plain, one assistant.*vgg"),
        ("plain", "mnist", "chain", PAPER, "'mnist'.*cifar-10.*tiny-imagenet-200"),
        ("plain", "svhn", "spiral", PAPER, "'spiral'.*direct, chain, dense, stochastic"),
        ("vgg", "svhn", "chain", DGKD, "'vgg'.*'DGKD code'.*no such network"),
        ("plain", "svhn", "chain", "code", "'code'.*paper.*DGKD code.*TAKD code"),
        ("plain", "svhn", "dense", TAKD, "'dense'.*direct and chain"),
    ):
        with pytest.raises(ValueError, match=words):
            paper_ladder(ladder, dataset, way, setting=setting)
