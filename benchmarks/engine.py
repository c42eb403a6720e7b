"""How fast is the engine, and does speed change a result? One table, measured in one run (`kd
bench`).

Leave the machine alone meanwhile. Every ratio is taken within this run; medians of repeated epochs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accuracy import compare_arms
from folder import folder_of_photographs
from one_call import one_call
from report import report
from service import many_students, waiting
from speed import all_models, benchmark_pair, cached_step, peak_rate, tutorial_pair

from kd_helpers.runtime.device import describe, pick_device, pick_precision
from kd_helpers.runtime.files import write_atomically

ROWS: dict[str, Callable[[], dict]] = {
    "a": tutorial_pair,
    "b": benchmark_pair,
    "c": lambda: {name: cached_step(name) for name in ("cnn-2", "resnet-8", "resnet-20")},
    "d": all_models,
    "e": waiting,
    "f": many_students,
    "g": compare_arms,
    "h": folder_of_photographs,
    "i": one_call,
}


def machine() -> dict[str, str]:
    dtype, reason = pick_precision(pick_device())
    return {
        "date": datetime.date.today().isoformat(),
        "device": describe(pick_device()),
        "torch": str(torch.__version__),
        "number format": f"{str(dtype).removeprefix('torch.')}: {reason}",
        "matrix-product peak, GFLOP/s": f"{peak_rate() / 1e9:.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the numbers to this file; - prints them instead")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, such as a,c")
    chosen = parser.parse_args()
    keys = chosen.only.split(",")
    if not set(keys) <= ROWS.keys():
        parser.error(f"got --only {chosen.only}; expected some of the rows {', '.join(ROWS)}")
    results = {"machine": machine(), "rows": {}}
    for key in keys:
        start = time.perf_counter()
        results["rows"][key] = ROWS[key]()
        print(f"row {key}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    numbers = json.dumps(results, indent=1)
    print(numbers if chosen.json == "-" else report(results))
    if chosen.json and chosen.json != "-":
        write_atomically(Path(chosen.json), f"{numbers}\n".encode())


if __name__ == "__main__":
    main()
