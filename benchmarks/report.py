"""The measured numbers as tables in Markdown, and what is wanted of them on two cores."""

from __future__ import annotations

TITLES = {
    "a": "PyTorch's KD tutorial: DeepNN → LightNN at 3×32×32, batch 128",
    "b": "resnet-56 → resnet-20, shifts by 4 pixels and flips, batch 64; "
    "the engine uses 2 views an image",
    "c": "a distillation step with warm cache, in plain cross-entropy steps",
    "e": "what a reader waits for",
    "f": "students of 300 steps (cnn-2, batch 128) of one teacher whose answers are stored, "
    "start of the processes included",
    "h": "a folder of pictures, read with `image_folder`",
    "i": "one call: `distill` on images of one's own, cnn-2 under DeepNN, 5 passes",
}
JPEGS = "10,000 JPEG files of 500×375 at 64×64"
# Row, number in it, comparison, limit.
TARGETS = (
    ("a", "ratio, cache warm", "at least", 15),
    ("a", "ratio, ten epochs from an empty cache", "at least", 8),
    ("b", "ratio, ten epochs from an empty cache", "at least", 5),
    ("c", "cnn-2", "at most", 1.10),
    ("c", "resnet-20", "at most", 1.10),
    ("d", "resnet-20: share of peak", "at least", 0.55),
    ("h", f"{JPEGS}, first time, s", "at most", 15),
    ("h", "the second time, s", "at most", 1),
)
MOST_POINTS = 0.3  # between the means of two arms that have to be equally good


def report(results: dict) -> str:
    """All tables: the machine, what is wanted, then every number of every row."""
    rows = results["rows"]
    machine = "; ".join(f"{name}: {value}" for name, value in results["machine"].items())
    parts = [f"Each row was measured without a break ({machine}).", targets(rows)]
    parts += [plain(TITLES[key], rows[key]) for key in TITLES if key in rows]
    parts += [speeds(rows["d"])] if "d" in rows else []
    parts += [accuracies(rows["g"])] if "g" in rows else []
    return "\n\n".join(parts) + "\n"


def targets(rows: dict) -> str:
    """Which of the wanted numbers are met; with one row for each comparison of accuracies."""
    lines = []
    for key, name, comparison, limit in TARGETS:
        value = flat(rows.get(key, {})).get(name)
        if value is not None:
            met = value >= limit if comparison == "at least" else value <= limit
            lines.append(
                [key, name, f"{comparison} {limit:g}", words(value), "yes" if met else "**no**"]
            )
    for name, entry in rows.get("g", {}).items():
        value = entry["difference of the means, points"]
        met = "NO CLEAR" in entry["verdict"] and abs(value) <= MOST_POINTS
        wanted = f"NO CLEAR DIFFERENCE, means within {MOST_POINTS}"
        lines.append(["g", name, wanted, entry["verdict"], "yes" if met else "**no**"])
    return table(["row", "what", "wanted", "measured", "met"], lines)


def plain(title: str, row: dict) -> str:
    return table([title, "measured"], [[name, words(value)] for name, value in flat(row).items()])


def speeds(row: dict) -> str:
    head = ["training one network at 3×32×32", "images/s", "share of the matrix-product peak"]
    lines = [
        [name, words(entry["images/s"]), f"{100 * entry['share of peak']:.0f} %"]
        for name, entry in row.items()
    ]
    return table(head, lines)


def accuracies(row: dict) -> str:
    """The accuracies on the test images behind the verdicts, seed by seed."""
    arms = {
        arm: values
        for entry in row.values()
        for arm, values in entry.items()
        if isinstance(values, list)
    }
    lines = [[arm, ", ".join(f"{value:.2f}" for value in values)] for arm, values in arms.items()]
    return table(["cnn-2, 6,000 images, 600 steps, taught", "accuracy by seed, %"], lines)


def table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def flat(row: dict) -> dict:
    """Nested numbers by one name: {"cnn-2": {"images/s": 3}} → {"cnn-2: images/s": 3}."""
    pairs = {}
    for name, value in row.items():
        inner = value if isinstance(value, dict) else None
        pairs |= {f"{name}: {k}": v for k, v in flat(inner).items()} if inner else {name: value}
    return pairs


def words(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
