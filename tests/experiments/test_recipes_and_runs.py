"""Recipes name their results, stored runs are checked when read, and what ships is what it says."""

import hashlib
import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import SEEDS, TEACHER, full_arms, hidden_class_arms
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import records
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.recipe import Recipe, Team, to_dict
from kd_helpers.experiments.run import (
    dataset_of,
    load_dataset_once,
    load_or_train,
    load_run,
    train_recipe,
)
from kd_helpers.experiments.store import Run, RunError, pack, read_record, store
from kd_helpers.methods.dgkd import Sources
from kd_helpers.methods.objective import Lesson
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime import files
from kd_helpers.runtime.folders import data_dir, run_folders
from kd_helpers.training.loop import Schedule, predict

TINY = Recipe(schedule=Schedule(steps=5, batch_size=16), transfer=TransferSet(images=64))
TAUGHT = replace(TINY, teacher=TINY, kd_weight=0.5, seed=1)
KEEP = ("weights", "test_logits")
HALF_ROUNDING = {"rtol": 2e-3, "atol": 2e-3}
# Written down once: stored results are named by these, so a change would orphan all of them.
HASHES = {
    Recipe(): "44136fa355b3",
    TEACHER: "14f55e841fb7",
    full_arms(0)["student, distilled"]: "69fb7dd74f82",
    hidden_class_arms(3)["labels only"]: "053b6769da14",
}
OTHER = {  # for every field of a recipe a value that is not its default
    "student": "cnn-4",
    "seed": 1,
    "transfer": TransferSet(images=64),
    "teacher": TINY,
    "temperature": 2.0,
    "kd_weight": 0.5,
    "label_smoothing": 0.1,
    "schedule": Schedule(steps=7),
    "views": ViewSet(flip=True),
    "lesson": Lesson(correction="swap"),
    "towers": Towers(groups=by_index(10, 5)),
    "special": (1, 2),
    "start": TINY,
    "sources": Sources(survival=0.5),
    "fault": "mean",
}
LESSON = {  # for every field of a lesson a value that is not its default
    "correction": "swap",
    "smoothing": 0.2,
    "standardised": True,
    "temperatures": "flsw",
    "compared": "top",
    "target_weight": 2.0,
    "other_weight": 4.0,
    "count": 5,
    "lump": False,
    "dropped": 0.5,
    "weights": "mask",
    "threshold": 0.5,
    "virtual": 0.9,
    "strength": 2.0,
    "warm_up": 0.1,
}
SHIPPED = list(shipped_runs())
IDS = [recipe.hash for recipe, _ in SHIPPED]
COURSE_DATA = data_dir()
MEGABYTES = 20


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


# Recipes


@pytest.mark.parametrize("recipe", HASHES, ids=str)
def test_the_hash_stays_what_it_was(recipe):
    assert recipe.hash == HASHES[recipe]


def test_fields_at_their_default_are_not_part_of_the_hash():
    spelt_out = Recipe(
        student="cnn-2",
        seed=0,
        dataset="fashion-mnist",
        teacher=None,
        temperature=4.0,
        kd_weight=0.0,
        label_smoothing=0.0,
        views=ViewSet(flip=False, max_shift=0),
        transfer=TransferSet(
            images=None,
            labelled=None,
            hidden_classes=(),
            source="train",
            label_noise=0.0,
            noise="symmetric",
        ),
        schedule=Schedule(steps=1500, batch_size=128, learning_rate=0.1, weight_decay=5e-4),
    )
    assert spelt_out.hash == Recipe().hash == hashlib.sha256(b"{}").hexdigest()[:12]
    assert to_dict(spelt_out) == {}


def test_every_field_is_looked_at():
    assert {f.name for f in fields(Recipe)} == set(OTHER) | {"dataset"}  # there is one data set


def test_every_changed_field_changes_the_hash():
    base = dict.fromkeys(OTHER, Recipe()) | {
        "kd_weight": Recipe(teacher=TINY),
        "lesson": Recipe(teacher=TINY, kd_weight=0.5),
        "sources": Recipe(teacher=Team((TINY, TINY), "dense"), kd_weight=0.5),
        "fault": Recipe(teacher=TINY, kd_weight=0.5),
    }
    changed = [replace(base[name], **{name: value}) for name, value in OTHER.items()]
    assert len({recipe.hash for recipe in (Recipe(), *changed)}) == len(OTHER) + 1


def with_lesson(**changes) -> Recipe:
    teacher = None if changes.get("virtual") else TINY
    return Recipe(teacher=teacher, kd_weight=0.5, lesson=Lesson(**changes))


def test_every_changed_field_of_a_lesson_changes_the_hash():
    assert {f.name for f in fields(Lesson)} == set(LESSON)
    hashes = {with_lesson(**{name: value}).hash for name, value in LESSON.items()}
    assert len(hashes | {with_lesson().hash}) == len(LESSON) + 1
    assert with_lesson().hash == Recipe(teacher=TINY, kd_weight=0.5).hash


@pytest.mark.parametrize("name", LESSON)
def test_a_recipe_in_words_names_what_is_changed_in_its_lesson(name):
    words = with_lesson(**{name: LESSON[name]}).describe()
    assert words.endswith(f", lesson.{name}={LESSON[name]}")
    assert words.count("lesson.") == 1
    who = "a virtual teacher" if name == "virtual" else "cnn-2"
    assert words.startswith(f"cnn-2, taught by {who} (T=4, weight 0.5)")
    assert "lesson" not in with_lesson().describe()


@pytest.mark.parametrize(
    "change",
    (
        {"transfer": TransferSet(labelled=3)},
        {"transfer": TransferSet(label_noise=0.2)},
        {"transfer": TransferSet(label_noise=0.2, noise="pair")},
        {"transfer": TransferSet(hidden_classes=(7,))},
        {"transfer": TransferSet(hidden_classes=(7, 2))},
        {"transfer": TransferSet(source="digits")},
        {"schedule": Schedule(batch_size=64)},
        {"schedule": Schedule(learning_rate=0.05)},
        {"schedule": Schedule(weight_decay=0.0)},
        {"views": ViewSet(max_shift=1)},
        {"views": ViewSet(flip=True)},
    ),
    ids=str,
)
def test_a_field_deep_inside_changes_the_hash_of_student_and_pupil(change):
    changed = replace(Recipe(), **change)
    assert changed.hash != Recipe().hash
    pupils = [Recipe(teacher=teacher, kd_weight=0.5) for teacher in (Recipe(), changed)]
    assert pupils[0].hash != pupils[1].hash


@pytest.mark.parametrize(
    ("whole", "real"),
    (
        (Recipe(teacher=TINY, temperature=8), Recipe(teacher=TINY, temperature=8.0)),
        (Recipe(teacher=TINY, kd_weight=1), Recipe(teacher=TINY, kd_weight=1.0)),
        (Recipe(schedule=Schedule(learning_rate=1)), Recipe(schedule=Schedule(learning_rate=1.0))),
        (with_lesson(strength=2), with_lesson(strength=2.0)),
    ),
    ids=("temperature", "kd_weight", "learning_rate", "strength"),
)
def test_equal_recipes_have_equal_hashes(whole, real):
    """A reader who types temperature=8 must find what is stored for 8.0."""
    assert whole == real
    assert whole.hash == real.hash


BAD_RECIPES = {
    "temperature 0": lambda: Recipe(temperature=0),
    "temperature nan": lambda: Recipe(temperature=float("nan")),
    "temperature inf": lambda: Recipe(temperature=float("inf")),
    "kd_weight -0.1": lambda: Recipe(kd_weight=-0.1, teacher=TINY),
    "kd_weight 1.1": lambda: Recipe(kd_weight=1.1, teacher=TINY),
    "kd_weight nan": lambda: Recipe(kd_weight=float("nan"), teacher=TINY),
    "label_smoothing -0.1": lambda: Recipe(label_smoothing=-0.1),
    "label_smoothing 1.1": lambda: Recipe(label_smoothing=1.1),
    "steps 0": lambda: Recipe(schedule=Schedule(steps=0)),
    "batch_size 0": lambda: Recipe(schedule=Schedule(batch_size=0)),
    "learning_rate -1": lambda: Recipe(schedule=Schedule(learning_rate=-1.0)),
    "learning_rate nan": lambda: Recipe(schedule=Schedule(learning_rate=float("nan"))),
    "images 0": lambda: Recipe(transfer=TransferSet(images=0)),
    "images -10": lambda: Recipe(transfer=TransferSet(images=-10)),
    "labelled -1": lambda: Recipe(transfer=TransferSet(labelled=-1)),
    "max_shift -1": lambda: Recipe(views=ViewSet(max_shift=-1)),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_bad_value_is_refused_with_got_and_expected(name):
    with pytest.raises(ValueError, match=f"got .*{name.split()[0].split('_')[-1]}.*expected"):
        BAD_RECIPES[name]()


@pytest.mark.parametrize(
    ("make", "words"),
    (
        (lambda: Recipe(student="cnn-3"), "unknown model 'cnn-3'; known: cnn-2"),
        (lambda: Recipe(dataset="mnist"), "unknown data set 'mnist'; known: fashion-mnist"),
        (lambda: TransferSet(source="cats"), "unknown source 'cats'; known: train, digits, noise"),
        (lambda: Recipe(kd_weight=0.5), "got kd_weight=0.5 and no teacher"),
        (lambda: TransferSet(images=5, labelled=6), "got 6 labelled of 5 images"),
    ),
)
def test_unknown_names_and_impossible_pairs_are_refused(make, words):
    with pytest.raises(ValueError) as caught:
        make()
    assert words in str(caught.value)


# Training a recipe and storing the result


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with the tiny run and a student of it; tests look at it and never write to it."""
    folder = tmp_path_factory.mktemp("out") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_PRECISION", "float32")
        patch.setenv("KD_OUT", str(folder.parent))
        train_recipe(TINY, folder=folder, keep=(*KEEP, "train_logits"))
        train_recipe(TAUGHT, folder=folder, keep=KEEP)
    return folder


@pytest.fixture
def out(shop, tmp_path, monkeypatch) -> Path:
    """A copy of that folder that a test may damage, where `load_run` looks."""
    shutil.copytree(shop, tmp_path / "out" / "runs")
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "out" / "runs"


@pytest.fixture
def nothing_yet(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "out" / "runs"


def test_the_first_call_trains_the_second_loads(nothing_yet, capsys, monkeypatch):
    assert load_run(TINY) is None
    first = load_or_train(TINY)
    assert capsys.readouterr().out.startswith(f"trained run {TINY.hash} in ")
    assert {path.name for path in nothing_yet.iterdir()} == {
        f"{TINY.hash}.json",
        f"{TINY.hash}.safetensors",
    }
    monkeypatch.setattr(runs, "train_recipe", None)  # a second training would stop here
    second = load_or_train(TINY)
    said = capsys.readouterr().out
    assert said.startswith(f"loaded run {TINY.hash} (trained 20")
    assert f"{second.accuracy:.2f} %" in said
    assert second.record == first.record
    load_or_train(TINY, quiet=True)
    assert capsys.readouterr().out == ""


def test_the_same_recipe_gives_the_same_weights_bit_for_bit(shop, tmp_path):
    run = train_recipe(TINY, folder=tmp_path, keep=("weights",))
    expected = Run(TINY, read_record(shop / f"{TINY.hash}.json", TINY), shop).tensors()
    for name, value in run.tensors().items():
        assert value.equal(expected[name]), name


def test_a_kd_weight_of_0_is_the_plain_recipe_bit_for_bit(shop, tmp_path):
    same = replace(TINY, teacher=TINY)
    run = train_recipe(same, folder=tmp_path, keep=("weights",))
    expected = Run(TINY, read_record(shop / f"{TINY.hash}.json", TINY), shop).tensors()
    assert all(value.equal(expected[name]) for name, value in run.tensors().items())


def test_weights_come_back_bitwise_and_give_the_stored_answers(out):
    run = load_run(TINY)
    stored_tensors = load((out / f"{TINY.hash}.safetensors").read_bytes())
    model = run.model()
    assert not model.training
    for name, value in model.state_dict().items():
        assert value.equal(stored_tensors[f"weights.{name}"]), name
    data = load_dataset_once("fashion-mnist", "cpu")
    found = predict(model, data.test.images)
    torch.testing.assert_close(found, run.logits("test"), **HALF_ROUNDING)
    some = predict(model, data.train.images[:2000])
    torch.testing.assert_close(some, run.logits("train")[:2000], **HALF_ROUNDING)
    assert run.logits("test").dtype == torch.float32


@pytest.mark.parametrize("recipe", (TINY, TAUGHT), ids=("plain", "taught"))
def test_the_record_says_what_was_trained_and_how_well(recipe, out):
    run = load_run(recipe)
    labels = load_dataset_once("fashion-mnist", "cpu").test.labels
    record = run.record
    assert record["hash"] == recipe.hash and record["recipe"] == to_dict(recipe)
    assert record["test"]["accuracy"] == accuracy(run.logits("test"), labels)
    assert run.accuracy == 100 * record["test"]["accuracy"]
    assert record["parameters"] == sum(p.numel() for p in run.model().parameters())
    assert [entry["batch_size"] for entry in record["latency"]] == [1, 256]
    assert all(entry["median_ms"] > 0 for entry in record["latency"])
    assert record["history"]["step"] == [5] and len(record["history"]["kd"]) == 1
    assert (record["history"]["kd"][0] > 0) == (recipe.kd_weight > 0)
    assert record["precision"].startswith("float32")
    assert str(out) not in json.dumps(record) and str(Path.home()) not in json.dumps(record)


# Speed in the record


def test_networks_of_one_kind_are_timed_once(monkeypatch):
    asked = []
    monkeypatch.setattr(records, "_latencies", {})
    monkeypatch.setattr(records, "measure_latencies", lambda *given: asked.append(given) or [{}])
    given = {"num_classes": 10, "in_channels": 1, "image_size": 28}
    for name in ("cnn-2", "cnn-2", "cnn-4", "cnn-2-1xn", "cnn-4"):
        records.latencies_of(make_model(name, **given), (1, 28, 28))
    assert len(asked) == 3
    records.latencies_of(make_model("cnn-2", **given), (1, 32, 32))
    assert len(asked) == 4


# Answers in the record


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", (1, 256, 10_000))
def test_packed_answers_come_back(count, tmp_path):
    answers = torch.randperm(max(count, 256), generator=torch.Generator().manual_seed(0))[:count]
    answers %= 256
    packed = pack(answers)
    record = json.loads(json.dumps({"test": {"answers": packed}}))
    found = Run(TINY, record, tmp_path).answers()
    assert found.equal(answers) and found.dtype == torch.int64
    found[0] = 7  # they are the caller's own
    assert Run(TINY, record, tmp_path).answers().equal(answers)


def test_packed_answers_are_small():
    assert len(pack(torch.arange(10_000) // 1000)) < 100
    at_random = torch.randint(10, (10_000,), generator=torch.Generator().manual_seed(0))
    assert len(pack(at_random)) < 7_000  # bytes; log2(10) bits each, in base64, are 5,537


@pytest.mark.parametrize("recipe", (TINY, TAUGHT), ids=("plain", "taught"))
def test_the_answers_of_a_record_are_those_of_its_confusion_matrix(recipe, out):
    run = load_run(recipe)
    labels = load_dataset_once("fashion-mnist", "cpu").test.labels
    assert run.answers().equal(run.logits("test").argmax(dim=1))
    counted = torch.bincount(10 * labels + run.answers(), minlength=100).reshape(10, 10)
    assert counted.tolist() == run.record["test"]["confusion"]
    assert len(run.answers().unique()) > 1


def test_a_record_from_before_answers_were_kept_has_those_of_its_logits_or_says_so(out):
    run = load_run(TINY)
    answers = run.answers()
    del run.record["test"]["answers"]
    assert run.answers().equal(answers)
    del run.record["sha256"]
    with pytest.raises(RunError, match=f"{TINY.hash}.*without its answers; train it again"):
        run.answers()


def test_a_run_that_was_stopped_is_not_stored(nothing_yet):
    def interrupt(history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"stopped after 5 steps; start it again"):
        train_recipe(TINY, folder=nothing_yet, on_report=interrupt)
    assert not nothing_yet.exists() or list(nothing_yet.iterdir()) == []


# Damaged files


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def alter_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def binary(path: Path) -> None:
    path.write_bytes(b"\x80\x04\xff")


def no_json_object(path: Path) -> None:
    path.write_text("[1, 2]")


def without_recipe(path: Path) -> None:
    path.write_text('{"format": 2}')


@pytest.mark.parametrize("damage", (cut_short, alter_one_byte, empty))
def test_damaged_weights_are_named_with_advice(damage, out):
    path = out / f"{TINY.hash}.safetensors"
    damage(path)
    run = load_run(TINY)
    for use in (run.tensors, run.model, lambda: run.logits("test")):
        with pytest.raises(RunError) as caught:
            use()
        words = str(caught.value)
        assert str(path) in words and "expected SHA-256" in words and "found" in words
        assert "cut short or altered" in words and "git checkout" in words


def test_missing_weights_are_named(out):
    remove(out / f"{TINY.hash}.safetensors")
    with pytest.raises(RunError, match=f"{TINY.hash}.safetensors: expected the weights"):
        load_run(TINY).model()


@pytest.mark.parametrize("damage", (cut_short, empty, binary, no_json_object, without_recipe))
def test_a_damaged_record_is_named_with_advice(damage, out):
    path = out / f"{TINY.hash}.json"
    damage(path)
    with pytest.raises(RunError) as caught:
        load_run(TINY)
    assert str(path) in str(caught.value)
    assert "expected the record of a run" in str(caught.value)
    assert "git checkout" in str(caught.value)


@pytest.mark.parametrize("change", ({"recipe": {"seed": 5}}, {"format": 99}), ids=str)
def test_the_record_of_another_recipe_or_format_is_refused(change, out):
    path = out / f"{TINY.hash}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError) as caught:
        load_run(TINY)
    assert str(path) in str(caught.value)
    assert "expected the record of" in str(caught.value) and "found" in str(caught.value)


def test_a_record_that_vouches_for_no_tensors_is_no_reason_to_trust_them(out):
    """So it looks when storing was cut off after the tensors, beside an older record without
    any."""
    path = out / f"{TINY.hash}.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    with pytest.raises(RunError, match=TINY.hash):
        load_run(TINY).tensors()


def test_answers_that_are_not_kept_are_refused_in_words(out):
    with pytest.raises(RunError, match="keeps no answers to the train images"):
        load_run(TAUGHT).logits("train")


def test_a_run_without_weights_says_so(nothing_yet):
    train_like = {"format": 2, "recipe": to_dict(TINY), "input": {}}
    store(nothing_yet, TINY, train_like, {"test_logits": torch.zeros(2, 10).half()})
    record = read_record(nothing_yet / f"{TINY.hash}.json", TINY)
    record["input"] = {"num_classes": 10, "in_channels": 1, "image_size": 28}
    with pytest.raises(RunError, match="keeps no weights"):
        Run(TINY, record, nothing_yet).model()


def test_own_weights_are_found_where_the_shipped_run_is_a_record_only(shop, tmp_path, monkeypatch):
    """The error says to train such a run again; what was trained then must be of use."""
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    shipped, own = run_folders()
    shutil.copytree(shop, shipped, ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(RunError, match=r"keeps its record only.*train_recipe"):
        load_run(TINY).model()
    shutil.copytree(shop, own)
    assert load_run(TINY).model() is not None


class Cut(Exception):
    """Stands for the power going off."""


def cut_at(number: int, monkeypatch) -> None:
    """Let the `number`-th file of a store fail just before it gets its name."""
    calls, real = [], os.replace

    def replace_or_cut(*paths):
        calls.append(paths)
        if len(calls) == number:
            raise Cut
        real(*paths)

    monkeypatch.setattr(files.os, "replace", replace_or_cut)


RECORD = {"format": 2, "recipe": to_dict(TINY)}


@pytest.mark.parametrize("number", (1, 2))
def test_a_crash_while_storing_leaves_no_half_run(number, nothing_yet, monkeypatch):
    cut_at(number, monkeypatch)
    with pytest.raises(Cut):
        store(nothing_yet, TINY, dict(RECORD), {"weights.a": torch.ones(3)})
    assert load_run(TINY) is None
    assert not (nothing_yet / f"{TINY.hash}.json").exists()
    store(nothing_yet, TINY, dict(RECORD), {"weights.a": torch.ones(3)})  # and it can be repeated
    assert load_run(TINY).tensors()["weights.a"].equal(torch.ones(3))


@pytest.mark.parametrize("number", (1, 2))
def test_a_crash_while_storing_again_never_mixes_old_and_new(number, nothing_yet, monkeypatch):
    store(nothing_yet, TINY, RECORD | {"which": 1}, {"weights.a": torch.full((3,), 1.0)})
    cut_at(number, monkeypatch)
    with pytest.raises(Cut):
        store(nothing_yet, TINY, RECORD | {"which": 2}, {"weights.a": torch.full((3,), 2.0)})
    run = load_run(TINY)
    try:
        found = run.tensors()["weights.a"][0].item()
    except RunError:
        return  # noticed
    assert found == run.record["which"]


def test_a_store_leaves_no_other_file(nothing_yet):
    store(nothing_yet, TINY, dict(RECORD), {"weights.a": torch.ones(3)})
    assert {p.suffix for p in nothing_yet.iterdir()} == {".json", ".safetensors"}
    store(nothing_yet, TINY, dict(RECORD), {})
    assert [p.suffix for p in nothing_yet.iterdir()] == [".json"]


def test_what_ships_comes_before_what_was_trained_here(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    assert run_folders() == [tmp_path / "data" / "runs", tmp_path / "out" / "runs"]
    monkeypatch.delenv("KD_OUT")
    assert run_folders()[1] == tmp_path / "out" / "runs"


# What ships


def shipped(recipe: Recipe) -> Run:
    """The run in data/runs; a test says how to get it where it is missing."""
    folder = COURSE_DATA / "runs"
    path = folder / f"{recipe.hash}.json"
    assert path.is_file(), f"{path} is missing ({recipe}): run `kd runs --missing`"
    return Run(recipe, read_record(path, recipe), folder)


def keeps(what: str) -> list:
    return [pytest.param(r, id=r.hash) for r, keep in SHIPPED if what in keep]


@pytest.mark.parametrize(("recipe", "keep"), SHIPPED, ids=IDS)
def test_every_shipped_run_is_there_and_its_tensors_are_the_right_ones(recipe, keep):
    run = shipped(recipe)
    assert run.record["hash"] == recipe.hash
    assert 10 <= run.accuracy < 100  # a fault of notebook 08 ends in chance
    path = run.folder / f"{recipe.hash}.safetensors"
    assert path.is_file() == bool(keep), f"{path}: run `kd runs --missing`"
    if keep:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == run.record["sha256"]
        assert {name.split(".")[0] for name in run.tensors()} == set(keep)


@pytest.mark.parametrize("recipe", keeps("test_logits"))
def test_the_stored_accuracy_is_that_of_the_stored_answers(recipe):
    run = shipped(recipe)
    labels = load_dataset_once("fashion-mnist", "cpu").test.labels
    assert accuracy(run.logits("test"), labels) == run.record["test"]["accuracy"]


@pytest.mark.parametrize("recipe", keeps("weights"))
def test_the_stored_weights_reproduce_the_stored_accuracy(recipe):
    run = shipped(recipe)
    test = dataset_of(recipe).test
    # In half precision, as stored: a teacher of 40 % wrong labels is often torn between two
    # classes.
    found = accuracy(predict(run.model(), test.images).half(), test.labels)
    assert found == pytest.approx(run.record["test"]["accuracy"], abs=0.0005)


def test_the_teachers_training_answers_belong_to_the_training_images():
    run = shipped(TEACHER)
    train = load_dataset_once("fashion-mnist", "cpu").train
    found = predict(run.model(), train.images[-500:])
    torch.testing.assert_close(found, run.logits("train")[-500:], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("recipe", "keep"), SHIPPED, ids=IDS)
def test_every_shipped_record_adds_up(recipe, keep):
    """Accuracy, confusion matrix and class scores of a record agree with each other."""
    test = shipped(recipe).record["test"]
    confusion = torch.tensor(test["confusion"], dtype=torch.double)
    special = len(recipe.special)
    counts = [1000.0] * special + [10_000.0 - 1000 * special] if special else [1000.0] * 10
    assert confusion.sum(dim=1).tolist() == counts
    assert test["accuracy"] == pytest.approx(confusion.diag().sum().item() / 10_000)
    recalls = confusion.diag() / torch.tensor(counts)
    assert test["per_class"]["recall"] == pytest.approx(recalls.tolist(), abs=1e-6)
    for name, values in test["per_class"].items():
        assert test["macro"][name] == pytest.approx(sum(values) / len(counts), abs=1e-5)


def test_nothing_else_lies_beside_the_shipped_runs():
    found = {path.name for path in (COURSE_DATA / "runs").iterdir()}
    expected = {f"{recipe.hash}.json" for recipe, _ in SHIPPED}
    expected |= {f"{recipe.hash}.safetensors" for recipe, keep in SHIPPED if keep}
    assert found - expected == set()


def test_the_shipped_runs_are_small():
    size = sum(path.stat().st_size for path in (COURSE_DATA / "runs").iterdir())
    assert size <= MEGABYTES * 1e6


def test_no_recipe_ships_twice_and_teachers_come_first():
    recipes = [recipe for recipe, _ in SHIPPED]
    assert len({recipe.hash for recipe in recipes}) == len(recipes)
    for place, recipe in enumerate(recipes):
        assert set(recipe.teachers) <= set(recipes[:place])
    students = [r for r in recipes if r not in {t for other in recipes for t in other.teachers}]
    assert {recipe.seed for recipe in students} == set(SEEDS) and len(SEEDS) >= 5


def test_the_defaults_of_teams_towers_and_sources_never_change():
    """Stored runs leave them out: another default would give old results a new meaning."""
    towers = Towers(groups=((0, 1), (1, 0, 2)))
    assert Towers(groups=towers.groups, trunk=False, average="logits") == towers
    assert (
        to_dict(Team((TINY,)))
        == to_dict(Team((TINY,), "arithmetic"))
        == {"members": [to_dict(TINY)]}
    )
    assert Sources(survival=1.0, removed=0, scale="sum", label_term="each") == Sources()
    alike = (
        Recipe(towers=towers),
        Recipe(towers=towers, special=(), start=None, sources=Sources()),
    )
    assert alike[0].hash == alike[1].hash
