"""Chapter 12: what is stored of its lessons, and its explorer."""

import json
import re
from html import unescape

import numpy as np
import pytest
import torch

from kd_course import nb12_sequences as lab
from kd_course.nb12_sequences import experiments, store
from kd_course.nb12_sequences.experiments import Lesson, soft_answers, targets_of
from kd_helpers.experiments.packed import DamagedRun
from kd_helpers.runtime.plain import from_plain

SUBSET = 150  # test words


@pytest.fixture(scope="module")
def spellers():
    every = {"teacher": lab.TEACHER, **lab.arms(0)}
    return {arm: lab.speller_of(of, lab.load_or_train(arm, of)) for arm, of in every.items()}


def test_stored_weights_make_the_stored_errors(spellers):
    words = lab.splits()["test"][:SUBSET]
    for arm in ("teacher", "labels", "sequence and word"):
        lesson = lab.TEACHER if arm == "teacher" else lab.arms(0)[arm]
        stored = lab.load_or_train(arm, lesson)
        for way, width in (("greedy", 1), ("beam", lab.WIDTH)):
            beam = lab.spell(spellers[arm], lab.letters_of(words), width)
            found = [error.edits for error in lab.word_errors(words, beam)]
            kept = [error.edits for error in stored.errors(way)[:SUBSET]]
            # another processor may turn a tie
            assert sum(a != b for a, b in zip(found, kept, strict=True)) <= 2, (arm, way)


def test_every_lesson_is_stored_and_is_ten_times_smaller():
    sizes = {}
    for seed in lab.SEEDS:
        for arm, lesson in lab.arms(seed).items():
            row = store.read_table(store.folders()[0])[f"{arm.replace(' ', '-')}-seed{seed}"]
            assert from_plain(json.loads(row["lesson"]), Lesson()) == lesson
            sizes[arm] = int(row["parameters"])
            result = lab.load_or_train(arm, lesson)
            rate = 100 * sum(e.edits for e in result.errors("beam"))
            rate /= sum(e.length for e in result.errors("beam"))
            assert float(row["beam phoneme error rate, %"]) == pytest.approx(rate, abs=1e-3)
    teacher = sum(p.numel() for p in lab.teacher().parameters())
    assert len(set(sizes.values())) == 1 and 9 < teacher / sizes["labels"] < 12


def test_an_altered_file_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "run_folders", lambda: [tmp_path])
    (folder,) = store.folders()
    kept = {"edits": torch.zeros(2, 3, dtype=torch.uint8)}
    store.keep(folder, {"name": "a", "lesson": "{}"}, kept, weights=False)
    store.keep(folder, {"name": "b", "lesson": "{}"}, kept, weights=False)
    assert store.find("a", "{}").right("beam").all() and store.find("a", "{other}") is None
    (folder / "b.safetensors").write_bytes(b"something else")
    with pytest.raises(DamagedRun, match="expected the file"):
        store.find("b", "{}")
    assert store.find("a", "{}")


def test_what_the_teacher_gives_are_its_own_hypotheses():
    count = 40
    words = lab.splits()["train"][:count]
    best, nearest = targets_of(lab.BEAM, count), targets_of(lab.NEAREST, count)
    beam = lab.spell(lab.teacher(), lab.letters_of(words), lab.WIDTH)
    for i, word in enumerate(words):
        said = [beam.phonemes(i, place) for place in range(lab.WIDTH)]
        told = [split.labels[i][split.labels[i] >= 0].tolist()[:-1] for split in (best, nearest)]
        truth = lab.dictionary()[word][0]
        edits = [lab.edit_distance(lab.names(one), truth) for one in said]
        assert told == [said[0], said[int(np.argmin(edits))]]
    logits = soft_answers(lab.BEAM, count).float()
    fresh = lab.teacher()(best.images[:3].long())
    assert torch.allclose(logits[:3], fresh, atol=0.05)


def test_the_explorer_takes_any_word(spellers):
    explorer = lab.build_spelling_explorer(spellers, "sequence")
    for word in ("", " ", "4x4", "naïve", "<b>", "antidisestablishment"):
        explorer.controls["word"].value = word
        assert "expected 1 to 10 letters a to z" in unescape(explorer.view.value)
        assert "<svg" not in explorer.view.value
    for word in ("a", "  Thought ", "zzzzzzzzzz", lab.splits()["test"][0]):
        explorer.set(word=word, place=0)
        assert explorer.view.value.count("<svg") == 4
    assert "held out" in explorer.view.value
    for control in ("lesson", "looks"):
        for option in explorer.controls[control].options:
            explorer.controls[control].value = option
    for place in (0, lab.WIDTH - 1):
        explorer.controls["place"].value = place
        rows = re.findall("fill-opacity='([0-9.]+)'", explorer.view.value)
        shares = np.array(rows, float).reshape(-1, len(lab.splits()["test"][0]))
        assert np.allclose(shares.sum(axis=1), 1, atol=0.1)
    explorer.reset()
    assert "TH AO T" in explorer.view.value


def test_what_ships_stays_until_its_successor_is_trained(tmp_path, monkeypatch):
    folders = [tmp_path / "shipped", tmp_path / "own"]
    for module in (store, experiments):
        monkeypatch.setattr(module, "folders", lambda: folders)
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    history, made = experiments.History(), []
    history.terms["loss"] = [1.0]

    def train(lesson, **_):
        if len(made) == 40:
            raise KeyboardInterrupt
        made.append(lesson)
        return len(made), history

    def measured(number):
        return {"edits": torch.full((2, 3), number, dtype=torch.uint8), "lengths": torch.ones(2, 3)}

    monkeypatch.setattr(experiments, "train_speller", train)
    monkeypatch.setattr(experiments, "measured", measured)
    experiments.ship()
    before = store.read_table(folders[0])
    assert len(before) == len(made) == 31
    with pytest.raises(KeyboardInterrupt):
        experiments.ship(again=True)
    assert store.read_table(folders[0]).keys() == before.keys()
    told = experiments.as_json(experiments.to_plain(experiments.TEACHER))
    assert store.find("teacher-seed1000", told).tensors["edits"].max() == 32
