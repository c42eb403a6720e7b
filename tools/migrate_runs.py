"""Once: the single files of an old checkout as packed folders; every number is compared after it."""

import base64
import hashlib
import json
import sys
import zlib
from pathlib import Path

import torch
from safetensors.torch import load

from kd_course.catalogue import shipped_runs
from kd_course.retrain import chapters
from kd_helpers.experiments.packed import FORMAT, write_folder
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.store import Run, kept, packing, read_packed
from kd_helpers.runtime.folders import data_dir

OLD = Path(sys.argv[1])


NEW = json.loads(Path(sys.argv[2]).read_text())  # old hash → (new hash, new plain recipe)


def new_recipe(old_hash: str) -> Recipe:
    name, plain = NEW[old_hash]
    recipe = Recipe.from_record({"recipe": plain})
    assert recipe.hash == name and recipe.to_plain() == plain
    return recipe


class OldRun(Run):
    @property
    def path(self) -> Path:
        return self.folder / self.record["weights"]

    def tensors(self) -> dict[str, torch.Tensor]:
        return load(self.path.read_bytes())


def old_run(path: Path, recipe: Recipe) -> OldRun:
    record = json.loads(path.read_text())
    raw = zlib.decompress(base64.b64decode(record["test"].pop("answers")))
    predictions = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
    weights, tensors = path.with_suffix(".safetensors"), {}
    if weights.is_file():
        content = weights.read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"]
        tensors = load(content)
    record.pop("checksum")
    record |= {"format": FORMAT, "hash": recipe.hash, "recipe": recipe.to_plain()}
    record |= {"kept": kept(tensors), "weights": weights.name}
    return OldRun(recipe, record, path.parent, predictions)


def compare(old: OldRun, new: Run) -> None:
    dropped = ("sha256", "weights")
    assert {k: v for k, v in old.record.items() if k not in dropped} == {
        k: v for k, v in new.record.items() if k not in dropped
    }, (old.record, new.record)
    assert new.accuracy == old.accuracy and new.record["history"] == old.record["history"]
    assert new.answers().equal(old.answers())
    if old.record["kept"]:
        before, after = old.tensors(), new.tensors()
        assert before.keys() == after.keys()
        assert all(after[k].dtype == v.dtype and after[k].equal(v) for k, v in before.items())


def main() -> None:
    assert {i.recipe.hash for i in shipped_runs()} == {name for name, _ in NEW.values()}
    old = {}
    for path in sorted(OLD.glob("*.json")):
        recipe = new_recipe(path.stem)
        assert recipe not in old
        old[recipe] = old_run(path, recipe)
    for chapter, items in chapters():
        write_folder(
            data_dir() / "runs" / chapter, [packing(i.arm, old[i.recipe], i.keep) for i in items]
        )
    count = 0
    for chapter, items in chapters():
        for item in items:
            compare(old.pop(item.recipe), read_packed(data_dir() / "runs" / chapter, item.recipe))
            count += 1
    assert not old
    print(f"{count} runs packed, every number the same")


main()
