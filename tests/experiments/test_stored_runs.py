"""Stored runs: written whole, checked when read, packed into tables that people can read."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import SEEDS, TEACHER
from kd_course.nb02_hinton.on_cifar import CIFAR_10, TEST_LABELS
from kd_helpers.data.class_groups import special_labels
from kd_helpers.data.datasets import DataError
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import packed
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.packed import NewerRun, RunError
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import dataset_of, load_dataset_once
from kd_helpers.experiments.run import load_checked_run, load_or_train, load_run, train_recipe
from kd_helpers.experiments.store import Run, pack, read_packed, read_run, store
from kd_helpers.methods import HintonKD
from kd_helpers.runtime.folders import data_dir, run_folders
from kd_helpers.training.loop import Schedule, predict
from little_data import use_little_data

TINY = Recipe(schedule=Schedule(steps=5, batch_size=16), transfer=TransferSet(images=64))
TAUGHT = replace(TINY, teacher=TINY, method=HintonKD(kd_weight=0.5), seed=1)
KEEP = ("weights", "test_logits")
SHIPPED = shipped_runs()
COURSE_DATA = data_dir()
MEGABYTES = 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with the tiny run and a student of it; tests look at it and never write to it."""
    folder = tmp_path_factory.mktemp("out") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(folder.parent))
        use_little_data(patch)
        train_recipe(TINY, folder=folder, keep=KEEP)
        train_recipe(TAUGHT, folder=folder, keep=KEEP)
    return folder


@pytest.fixture
def out(shop, tmp_path, monkeypatch) -> Path:
    """A copy of that folder that a test may damage, where `load_run` looks; nothing ships."""
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fashion-mnist").symlink_to(COURSE_DATA / "fashion-mnist")
    shutil.copytree(shop, tmp_path / "out" / "runs")
    return tmp_path / "out" / "runs"


@pytest.fixture
def chapter(out) -> Path:
    """The same two runs packed, with the weights of the first, and none in `out/`."""
    folder = run_folders()[0] / "nb02"
    pack(folder, [("teacher, β × 2", TINY, KEEP), ("student", TAUGHT, ())], out)
    shutil.rmtree(out)
    return folder


@pytest.fixture
def nothing_yet(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "out" / "runs"


def same(run: Run, other: Run, but: tuple[str, ...] = ("sha256", "kept", "weights")) -> bool:
    """Whether two runs have the same record and predictions."""
    records = [{k: v for k, v in r.record.items() if k not in but} for r in (run, other)]
    return records[0] == records[1] and run.answers().equal(other.answers())


# One run


def test_the_first_call_trains_the_second_loads(nothing_yet, shop, capsys, monkeypatch):
    use_little_data(monkeypatch)
    assert load_run(TINY) is None
    first = load_or_train(TINY)
    assert capsys.readouterr().out.startswith(f"trained run {TINY.hash} in ")
    expected = read_run(shop, TINY).tensors()  # the same recipe, the same weights, bit for bit
    tensors = first.tensors()
    assert any(name.startswith("weights.") for name in tensors)
    assert all(value.equal(expected[name]) for name, value in tensors.items())
    monkeypatch.setattr(runs, "train_recipe", None)  # a second training would stop here
    second = load_or_train(TINY)
    said = capsys.readouterr().out
    assert said.startswith(f"loaded run {TINY.hash} (trained 20")
    assert f"{second.accuracy:.2f} %" in said
    assert same(first, second, but=())
    load_or_train(TINY, quiet=True)
    assert capsys.readouterr().out == ""


def test_the_record_says_what_was_trained_and_how_well(out):
    labels = load_dataset_once("fashion-mnist", "cpu").test.labels[:100]
    for recipe in (TINY, TAUGHT):
        run = load_run(recipe)
        record, logits, model = run.record, run.logits("test"), run.model()
        assert record["hash"] == recipe.hash and record["recipe"] == recipe.to_plain()
        assert run.accuracy == 100 * record["test"]["accuracy"] == 100 * accuracy(logits, labels)
        assert run.answers().equal(logits.argmax(dim=1)) and logits.dtype == torch.float32
        assert record["parameters"] == sum(p.numel() for p in model.parameters())
        assert [e["batch_size"] for e in record["latency"]] == [1, 256]
        assert record["history"]["step"] == [5] and len(record["history"]["kd"]) == 1
        assert (record["history"]["kd"][0] > 0) == (recipe is TAUGHT)
        assert record["precision"].startswith("float32")
        assert str(out) not in json.dumps(record) and str(Path.home()) not in json.dumps(record)
        assert not model.training


def test_what_is_not_kept_is_refused_in_words(out, tmp_path):
    with pytest.raises(RunError, match="keeps no answers to the train images; it has test_logits"):
        load_run(TAUGHT).logits("train")
    record = load_run(TINY).record
    for tensors, words in (
        ({"test_logits": torch.zeros(2, 10)}, "keeps no weights"),
        ({}, r"keeps its record only.*train_recipe"),
    ):
        store(tmp_path, TINY, dict(record), tensors, torch.arange(2))
        assert read_run(tmp_path, TINY).answers().tolist() == [0, 1]
        with pytest.raises(RunError, match=words):
            read_run(tmp_path, TINY).model()


# Damage


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def alter_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def binary(path: Path) -> None:
    path.write_bytes(b"\x80\x04\xff")


def test_a_record_of_a_newer_format_is_left_alone_and_said(out):
    path = out / f"{TINY.hash}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    before = path.read_bytes()
    for load in (load_run, load_checked_run, load_or_train):
        with pytest.raises(NewerRun, match=rf"{path}.*format 99.*Update kd_helpers"):
            load(TINY)
    assert path.read_bytes() == before and (out / f"{TINY.hash}.safetensors").is_file()


# Many runs


def test_packed_runs_come_back_equal(chapter, shop, capsys):
    for recipe, keep in ((TINY, KEEP), (TAUGHT, ())):
        found, expected = load_run(recipe), read_run(shop, recipe)
        assert same(found, expected) and set(found.record["kept"]) == set(keep)
        assert found.has_weights == bool(keep)
    assert {p.name for p in chapter.glob("weights/*")} == {"teacher-beta-x-2-seed0.safetensors"}
    tensors = read_run(shop, TINY).tensors()
    assert load_run(TINY).tensors().keys() == tensors.keys()
    assert all(value.equal(tensors[name]) for name, value in load_run(TINY).tensors().items())
    load_or_train(TAUGHT)
    assert capsys.readouterr().out.startswith(f"loaded run {TAUGHT.hash}")


def test_people_can_read_them(chapter, shop):
    table = pd.concat(map(pd.read_csv, chapter.parent.glob("*/runs.csv"))).set_index("arm")
    assert list(table.index) == ["student", "teacher, β × 2"]
    student = table.loc["student"]
    assert student["teacher"] == TINY.hash and student["seed"] == 1
    assert student["student"] == "cnn-2" and student["schedule.learning_rate"] == 0.1
    assert student["test.accuracy"] == read_run(shop, TAUGHT).record["test"]["accuracy"]
    about = (chapter / "README.md").read_text()
    assert all(f"| `{name}` |" in about for name in packed.COLUMNS)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=chapter, capture_output=True)
    assert checked.returncode == 0 and checked.stdout.count(b"OK") == 5


def test_packing_again_merges_what_is_new(chapter, shop):
    wanted = [("teacher", TINY, ("weights",)), ("student", TAUGHT, ())]
    assert pack(chapter, wanted, shop) == []  # the packed ones stay, under their new names
    assert [p.name for p in chapter.glob("weights/*")] == ["teacher-seed0.safetensors"]
    assert load_run(TINY).record["kept"] == ["weights"] and load_run(TAUGHT)
    before = {path: path.stat().st_mtime_ns for path in chapter.rglob("*")}
    assert pack(chapter, wanted, shop) == []
    assert before == {path: path.stat().st_mtime_ns for path in chapter.rglob("*")}
    with pytest.raises(RunError, match=r"keeps its record only.*train_recipe"):
        load_run(TAUGHT).model()
    assert pack(chapter, [("student", TAUGHT, ("weights",))], shop) == [TAUGHT]  # to be kept now
    assert load_run(TINY) is None and load_run(TAUGHT).model()


@pytest.mark.parametrize(
    ("name", "damage"),
    (
        (packed.TABLE, alter_one_byte),
        (packed.HISTORY, cut_short),
        (packed.ANSWERS, binary),
        (packed.SUMS, Path.unlink),
    ),
)
def test_a_damaged_folder_is_named_left_alone_and_not_used(name, damage, chapter, shop, capsys):
    other = chapter.with_name("nb03")
    pack(other, [("student", TAUGHT, ())], shop)
    damage(chapter / name)
    left = {path: path.read_bytes() for path in chapter.glob("*.*")}
    with pytest.raises(RunError, match=r"nb02.*git checkout -- data/runs"):
        load_run(TINY)
    assert load_run(TAUGHT).folder == other  # an undamaged one is used
    for _ in range(2):
        assert load_checked_run(TINY) is None
    said = capsys.readouterr().err
    assert said.count("warning") == 1 and str(chapter) in said and "git checkout" in said
    assert left == {path: path.read_bytes() for path in chapter.glob("*.*")}


def test_damaged_packed_weights_are_named_and_own_ones_used(chapter, shop, capsys):
    path = next(chapter.glob("weights/*"))
    alter_one_byte(path)
    with pytest.raises(RunError, match=r"expected SHA-256 .* found .*git checkout"):
        load_run(TINY).model()
    assert load_checked_run(TINY) is None and str(path) in capsys.readouterr().err
    assert load_checked_run(TAUGHT) and path.is_file()
    shutil.copytree(shop, run_folders()[1])
    assert load_run(TAUGHT).model() is not None


# What ships


def shipped(item) -> Run:
    run = read_packed(COURSE_DATA / "runs" / item.chapter, item.recipe)
    assert run, f"{item.chapter}, {item.arm} is missing: run `kd runs --missing`"
    return run


def test_every_shipped_run_is_there_and_adds_up():
    """Its accuracy, predictions and confusion matrix agree, and what is to be kept is."""
    for item in SHIPPED:
        run, labels = shipped(item), labels_of(item.recipe)
        test, classes = run.record["test"], run.record["input"]["num_classes"]
        assert run.record["hash"] == item.recipe.hash
        assert Recipe.from_record(run.record) == item.recipe
        assert set(run.record["kept"]) == set(item.keep), item
        right = (run.answers() == labels).double().mean().item()
        assert 100 * right == pytest.approx(run.accuracy, abs=1e-9), item
        counted = torch.bincount(classes * labels + run.answers(), minlength=classes**2)
        assert counted.reshape(classes, classes).tolist() == test["confusion"]


def labels_of(recipe: Recipe) -> torch.Tensor:
    """Of the test images; CIFAR's pictures are not bundled, and its labels need none."""
    known = TEST_LABELS.get(recipe.dataset)
    if known is None:
        return dataset_of(recipe).test.labels
    classes = len(known.unique())
    return special_labels(known, recipe.special, classes) if recipe.special else known


@pytest.mark.parametrize(
    "dataset, same", [("fashion-mnist", 499), ("cifar-100", 496), (CIFAR_10, 499)]
)
def test_stored_weights_and_logits_give_the_stored_predictions(dataset, same, monkeypatch):
    """The first 500 test images; in half precision a network may be torn between two classes, and
    a GPU answered with ten bits of mantissa in its convolutions."""
    monkeypatch.setenv("KD_OFFLINE", "1")
    for item in SHIPPED:
        if item.keep and item.recipe.dataset == dataset:
            try:
                images = dataset_of(item.recipe).test.images[:500]
            except DataError as reason:
                pytest.skip(str(reason))
            run = shipped(item)
            told = predict(run.model(), images)
            assert (told.half().float().argmax(dim=1) == run.answers()[:500]).sum() >= same, item
            if "test_logits" in item.keep:
                assert run.logits("test").argmax(dim=1).equal(run.answers())
                torch.testing.assert_close(told, run.logits("test")[:500], rtol=1e-2, atol=1e-2)


def test_the_shipped_folders_hold_these_runs_and_are_small():
    shop = COURSE_DATA / "runs"
    table = pd.concat(map(pd.read_csv, shop.glob("*/runs.csv")))
    assert sorted(table["hash"]) == sorted(item.recipe.hash for item in SHIPPED)
    own_form = {"nb12_sequences"}  # words, not images; tested with its chapter
    assert {p.name for p in shop.iterdir()} == {item.chapter for item in SHIPPED} | own_form
    assert len(list(shop.glob("*/weights/*"))) == sum(bool(item.keep) for item in SHIPPED)
    assert sum(p.stat().st_size for p in shop.rglob("*")) <= MEGABYTES * 1e6


def test_no_recipe_ships_twice_and_teachers_come_first():
    seen: set[str] = set()
    for recipe in (item.recipe for item in SHIPPED):
        assert recipe.hash not in seen and {r.hash for r in recipe.needs} <= seen
        seen.add(recipe.hash)
    taught_by = {teacher.hash for item in SHIPPED for teacher in item.recipe.teachers}
    students = [item.recipe for item in SHIPPED if item.recipe.hash not in taught_by]
    assert {recipe.seed for recipe in students} == set(SEEDS) and len(SEEDS) >= 5
    assert SHIPPED[0].recipe == TEACHER
