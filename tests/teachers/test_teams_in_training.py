"""Teams from recipe to student: what they say is what their members say, put together by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import room
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import dataset_of, load_or_train, new_student, training_arguments
from kd_helpers.methods import DenselyGuidedKD, HintonKD, SelectiveKD
from kd_helpers.models.towers import Towers
from kd_helpers.runtime.folders import cache_folder
from kd_helpers.teachers import (
    Batch,
    CachedTeacher,
    Dense,
    Mean,
    OnceEach,
    Specialists,
    SpecialistsApart,
    SpecialistsMean,
    Switching,
    Unified,
    WeightedByConfidence,
)
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.training import checkpoints
from kd_helpers.training.batches import batches
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import train
from kd_helpers.training.schedules import Schedule
from little_data import use_little_data

T = 3.0
SMALL = Recipe(
    schedule=Schedule(steps=8, batch_size=16, learning_rate=0.05), transfer=TransferSet(images=200)
)
PAIR = (SMALL, replace(SMALL, seed=1))
GROUPS, TURNED = ((6, 0, 2), (5, 7)), ((7, 0, 3), (9, 1, 3, 8), (2, 6, 5, 4))
EXPERTS = (SMALL, *(replace(SMALL, special=group) for group in GROUPS))
TOWERS = (replace(SMALL, towers=Towers(TURNED)),)
KD = HintonKD(temperature=T)
OF_TOWERS = SelectiveKD(temperature=T, groups=TURNED)
TEAMS = (
    (Mean(PAIR), KD),
    (Mean(PAIR, "geometric"), KD),
    (WeightedByConfidence(PAIR), KD),
    (Switching(PAIR), KD),
    (OnceEach(PAIR), KD),
    (Specialists(EXPERTS), KD),
    (SpecialistsMean(EXPERTS), KD),
    (SpecialistsApart(EXPERTS), SelectiveKD(temperature=T, groups=GROUPS)),
    (Unified(TOWERS), OF_TOWERS),
    (Unified(TOWERS), replace(OF_TOWERS, zeros=True)),
    (Dense(PAIR), DenselyGuidedKD(temperature=T, survival=0.5)),
)


@pytest.fixture(scope="module", autouse=True)
def little_data(tmp_path_factory):
    """Members are trained once for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("teams")))
        use_little_data(patch)
        yield


def taught(team, method) -> Recipe:
    return replace(SMALL, seed=5, teacher=team, method=method, augmentation=ViewSet(flip=True))


def batch_of(rows, view: int) -> Batch:
    split, rows = dataset_of(SMALL).train, torch.as_tensor(rows)
    views = torch.full_like(rows, view)
    pictures = to_float(make_views(split.images[rows], views, ViewSet(flip=True)))
    return Batch(pictures, split.labels[rows], rows, views)


@torch.no_grad()
def by_hand(team, batch: Batch) -> list[np.ndarray]:
    """What the team may say, from the stored networks; one answer unless chance decides."""
    models = [load_or_train(member, quiet=True).model() for member in team.members]
    if isinstance(team, Unified):  # all but the buckets
        towers = models[0].tower_outputs(batch.images)
        return [np.concatenate([z[:, :-1].numpy() for z in towers], 1)]
    told = [model(batch.images).double().numpy() for model in models]
    labels = dataset_of(SMALL).train.labels.numpy()
    for z, member in zip(told, team.members, strict=True):
        if member.special:  # half of its images were: odds of 1
            special = np.isin(labels, member.special).sum()
            z[:, -1] += np.log((len(labels) - special) / special)
    rows, p = np.arange(len(batch.index)), [torch.tensor(softmax(z, axis=1)) for z in told]
    heated = [softmax(z / T, axis=1) for z in told]

    def by_confidence():  # of two members each gets the other's share of the losses
        shares = softmax(log_softmax(np.stack(told), 2)[:, rows, batch.labels], 0)
        return T * np.log(np.einsum("mb,mbk->bk", shares, heated))

    answers = {
        Mean: lambda: T * np.log(np.mean(heated, 0)),
        WeightedByConfidence: by_confidence,
        OnceEach: lambda: np.stack(told)[batch.index % 2, rows],
        Specialists: lambda: join_specialists(p[0], p[1:], GROUPS).log().numpy(),
        SpecialistsMean: lambda: mean_of_specialists(p[0], p[1:], GROUPS).log().numpy(),
        SpecialistsApart: lambda: np.concatenate(told, 1),
        Dense: lambda: np.concatenate(told, 1),
    }
    if isinstance(team, Switching):
        return told
    if team == Mean(PAIR, "geometric"):
        return [np.mean(told, 0)]
    return [answers[type(team)]()]


def is_close(found, expected) -> bool:
    """They are kept in half precision."""
    return any(np.allclose(found, answer, rtol=5e-3, atol=5e-3) for answer in expected)


def test_a_team_of_each_kind_says_what_its_members_say_about_each_view():
    for team, method in TEAMS:
        recipe = taught(team, method)
        teacher = training_arguments(recipe, dataset_of(recipe))["teacher"]
        for view in (0, 1):
            batch = batch_of([7, 3, 40, 0, 1999], view)
            found = teacher(batch)
            assert found.dtype == torch.float32 and is_close(found, by_hand(team, batch)), team
            assert not is_close(found, by_hand(team, batch_of(batch.index, 1 - view))), team
        remembers = isinstance(team, (Specialists, Unified)) and not isinstance(
            team, SpecialistsMean
        )
        assert isinstance(teacher, CachedTeacher) == remembers
    # The memory of the joint answer passes it on to those of its members to save.
    before = {path.parent for path in cache_folder().rglob("*.answers")}
    recipe = replace(taught(Specialists(EXPERTS), KD), augmentation=ViewSet(max_shift=1))
    teacher = training_arguments(recipe, dataset_of(recipe))["teacher"]
    teacher(batch_of(range(5), 0))
    teacher.save()
    assert len({path.parent for path in cache_folder().rglob("*.answers")} - before) == len(EXPERTS)


def test_a_student_learns_what_its_team_says_and_goes_on_where_it_was(tmp_path, monkeypatch):
    """The first loss is computed by hand; a training that is cut off ends as if it never was."""
    monkeypatch.setattr(checkpoints, "SHARE_OF_TIME", float("inf"))
    for number, (team, method) in enumerate(TEAMS):
        recipe = taught(team, method)
        data = dataset_of(recipe)
        how = training_arguments(recipe, data) | {"report_every": 1}
        whole, halved, other = (new_student(recipe, data) for _ in range(3))
        batch = next(batches(how["split"], how["rows"], SMALL.schedule, recipe.augmentation, 5))
        with torch.no_grad():
            logits = new_student(recipe, data).train()(batch.images)
            told = [torch.tensor(z).float() for z in by_hand(team, batch)]
            terms = [method(logits, z, batch.labels)["loss"].item() for z in told]
        history = train(whole, **how)
        if not isinstance(team, Dense):  # there chance leaves sources out
            assert min(abs(x / history.terms["loss"][0] - 1) for x in terms) < 0.01, team
        path, asked = tmp_path / str(number), iter([False] * 4 + [True])
        first = Checkpoint(path, recipe.to_plain(), every=0.0)
        train(halved, **how, checkpoint=first, should_stop=lambda asked=asked: next(asked))
        again = train(other, **how, checkpoint=Checkpoint(path, recipe.to_plain()))
        assert again.resumed == 1 and again.terms == history.terms, team
        for name, value in whole.state_dict().items():
            assert other.state_dict()[name].equal(value), (team, name)
        assert not halved.body[0].weight.equal(whole.body[0].weight)


def test_a_specialist_sees_half_special_images_and_has_a_dustbin():
    recipe = replace(EXPERTS[1], seed=2)
    for transfer in (SMALL.transfer, TransferSet(images=200, label_noise=0.5)):
        how = training_arguments(replace(recipe, transfer=transfer), dataset_of(recipe))
        labels = how["split"].labels[how["rows"]]
        assert (labels == 3).sum() == (labels < 3).sum() > 10
    record = load_or_train(recipe, quiet=True).record
    assert record["input"]["num_classes"] == len(record["test"]["confusion"]) == 4
    others = ~torch.isin(room.load_dataset_once("", "").test.labels, torch.tensor(GROUPS[0]))
    assert sum(record["test"]["confusion"][3]) == others.sum()
