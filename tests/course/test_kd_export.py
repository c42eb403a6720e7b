"""`kd export`: a run is found by the beginning of its hash, and its network goes into a file."""

import json

import onnxruntime
import pytest

from kd_course import cli
from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import TEACHER, lab_arms
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train, load_run
from kd_helpers.export import to_file
from kd_helpers.training.schedules import Schedule
from small_exports import few_images, without_timing  # noqa: F401

RECORD_ONLY = lab_arms(0)["600 labels"]
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def few(monkeypatch, tmp_path):
    """The real runs, few test images, and an empty folder out/."""
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(to_file, "dataset_of", lambda recipe: few_images())


def said(words: str, capsys) -> tuple[int, str]:
    code = cli.main(["export", *words.split()])
    told = capsys.readouterr()
    return code, told.out + told.err


def smallest() -> str:
    """The hash of a stored cnn-2 with weights."""
    kept = (load_run(item.recipe) for item in shipped_runs() if item.recipe.student == "cnn-2")
    return next(run.recipe.hash for run in kept if run.has_weights and not run.recipe.special)


def test_a_stored_run_goes_into_a_file(capsys, tmp_path):
    name = smallest()
    code, told = said(f"{name[:9]} --to onnx --int8", capsys)
    path = tmp_path / "exports" / name / "student-int8.onnx"
    assert code == 0 and "onnxruntime" in told and str(path) in told
    about = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert about["run"] == name and len(json.loads(about["classes"])) == 10
    assert said(f"{name} --out {tmp_path}/a/b.safetensors", capsys)[0] == 0
    assert (tmp_path / "a" / "config.json").is_file()


def test_what_cannot_be_is_told_in_one_sentence(capsys, tmp_path):
    wrong = {
        "0000000000": (2, "expected the beginning of one run's hash, found none"),
        "": (2, "the following arguments are required: hash"),
        "a": (2, "one run's hash, found a"),
        f"{smallest()} --to pth": (2, "expected a name that ends in .onnx"),
        f"{smallest()} --to pt2 --int8": (2, "expected a name that ends in .onnx"),
        f"{smallest()} --to pt2 --out a.onnx": (2, "expected a name with .pt2"),
        RECORD_ONLY.hash: (1, f"`kd export {RECORD_ONLY.hash} --train` trains it again first"),
    }
    for words, (code, expected) in wrong.items():
        try:
            found, told = said(words, capsys)
        except SystemExit as stopped:
            found, told = stopped.code, capsys.readouterr().err
        assert found == code and expected in told.splitlines()[-1], words
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_run_that_was_trained_here_is_found_and_a_damaged_one_named(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("KD_PRECISION", "float32")  # else the processor is timed
    mine = Recipe(transfer=TransferSet(images=100), schedule=Schedule(steps=2, batch_size=50))
    load_or_train(mine, quiet=True)
    code, told = said(f"{mine.hash[:10]} --to ts", capsys)
    assert code == 0 and "TorchScript" in told
    assert (tmp_path / "exports" / mine.hash / "student.ts").is_file()
    record = tmp_path / "runs" / f"{mine.hash}.json"
    for text, words in (("{", "the record of a run"), ('{"recipe": {}}', "that of another")):
        record.write_text(text)
        code, told = said(mine.hash, capsys)
        assert code == 1 and str(record) in told and words in told


def test_a_run_without_weights_is_trained_again_on_request(capsys, monkeypatch):
    run, asked = load_run(TEACHER), []
    monkeypatch.setattr(runs, "run_with_weights", lambda recipe: asked.append(recipe) or run)
    assert said(f"{RECORD_ONLY.hash} --train --to safetensors", capsys)[0] == 0
    assert asked == [RECORD_ONLY]
