"""How fast is the engine, and does speed change a result? One table, measured in one run (`kd bench`).

Leave the machine alone meanwhile. Every ratio is taken within this run; medians of repeated epochs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accuracy import compare_arms
from service import many_students, waiting
from speed import all_models, benchmark_pair, cached_step, peak_rate, tutorial_pair

from kd_helpers.device import describe, pick_device, pick_precision
from kd_helpers.files import write_atomically

ROWS: dict[str, tuple[str, Callable[[], dict]]] = {
    "a": ("PyTorch's KD tutorial: DeepNN → LightNN, batch 128, 3×32×32", tutorial_pair),
    "b": ("resnet-56 → resnet-20, pad 4, crop, flip, batch 64; 2 views an image", benchmark_pair),
    "c": ("distillation step with warm cache / plain step", lambda: {
        name: cached_step(name) for name in ("cnn-2", "resnet-8", "resnet-20")}),
    "d": ("training, images/s and share of the matrix-product peak", all_models),
    "e": ("waiting", waiting),
    "f": ("students of one teacher whose answers are stored", many_students),
    "g": ("the same accuracy, five paired seeds", compare_arms),
}  # fmt: skip
# What is wanted on two cores: row, number in it, comparison, limit.
TARGETS = (
    ("a", "ratio, cache warm", "at least", 15),
    ("a", "ratio, ten epochs from an empty cache", "at least", 8),
    ("b", "ratio, ten epochs from an empty cache", "at least", 5),
    ("c", "cnn-2", "at most", 1.10),
    ("c", "resnet-20", "at most", 1.10),
    ("d", "resnet-20: share of peak", "at least", 0.55),
)


def flat(row: dict) -> dict:
    """Nested numbers by one name: {"cnn-2": {"images/s": 3}} → {"cnn-2: images/s": 3}."""
    pairs = {}
    for name, value in row.items():
        inner = value if isinstance(value, dict) else None
        pairs |= {f"{name}: {k}": v for k, v in flat(inner).items()} if inner else {name: value}
    return pairs


def machine() -> dict[str, str]:
    dtype, reason = pick_precision(pick_device())
    return {
        "date": datetime.date.today().isoformat(),
        "device": describe(pick_device()),
        "torch": str(torch.__version__),
        "number format": f"{str(dtype).removeprefix('torch.')}: {reason}",
        "matrix-product peak, GFLOP/s": f"{peak_rate() / 1e9:.0f}",
    }


def lines(results: dict) -> list[str]:
    """The table in Markdown: every number of every row, then the targets."""
    told = ["| row | what | measured |", "| --- | --- | --- |"]
    told += [f"| | {name} | {value} |" for name, value in results["machine"].items()]
    for key, row in results["rows"].items():
        told.append(f"| **{key}** | **{ROWS[key][0]}** | |")
        told += [f"| | {name} | {words(value)} |" for name, value in flat(row).items()]
    told += ["", "| row | wanted | measured | met |", "| --- | --- | --- | --- |"]
    for key, name, comparison, limit in TARGETS:
        value = flat(results["rows"].get(key, {})).get(name)
        if value is not None:
            met = value >= limit if comparison == "at least" else value <= limit
            verdict = "yes" if met else "no"
            told.append(f"| {key} | {name}: {comparison} {limit:g} | {words(value)} | {verdict} |")
    return told


def words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(words(v) for v in value)
    if not isinstance(value, float):
        return str(value)
    return (
        f"{value:,.0f}"
        if abs(value) >= 1000
        else f"{value:.3g}"
        if abs(value) < 10
        else f"{value:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, such as a,c")
    chosen = parser.parse_args()
    results = {"machine": machine(), "rows": {}}
    for key in chosen.only.split(","):
        start = time.perf_counter()
        results["rows"][key] = ROWS[key][1]()
        print(f"row {key}: {time.perf_counter() - start:.0f} s", flush=True)
    print("\n".join(lines(results)))
    if chosen.json:
        write_atomically(chosen.json, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
