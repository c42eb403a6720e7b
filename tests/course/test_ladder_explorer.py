"""The chain builder of notebook 06: every ladder, its arrows, its numbers and its words."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from scipy import stats

from kd_course.nb06_assistants import experiments as lab
from kd_course.nb06_assistants.chain_builder import build_ladder_explorer
from kd_course.nb06_assistants.tables import Rung, stored_rungs
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.run import load_run
from kd_helpers.widgets.svg import BLUE

STUDENT, WAYS = "tiny", ("chain", "dense", "stochastic")
ASSISTANTS = {"large": ("eight", "six", "four"), "medium": ("six", "four"), "small": ("four",)}
SUBSETS = [
    (teacher, chosen)
    for teacher, offered in ASSISTANTS.items()
    for count in range(len(offered) + 1)
    for chosen in itertools.combinations(offered, count)
]
WORDS = ("BETTER", "WORSE", "NO CLEAR DIFFERENCE")


def made_up(teacher, chosen, way) -> tuple[Rung, ...] | None:
    """Numbers of a ladder, like those of no other; one teacher has no dense ladders."""
    if teacher == "medium" and way == "dense":
        return None
    rng = np.random.default_rng(zlib.crc32(repr((teacher, chosen, way)).encode()))
    rungs = [Rung(teacher, (91.37,) * 5, float(rng.uniform(100, 900)), 272_474)]
    for name in (*chosen, STUDENT):
        scores = tuple(rng.normal(85, 1, 5).tolist())
        rungs.append(Rung(name, scores, float(rng.uniform(10, 99)), int(rng.integers(1e4, 3e6))))
    return tuple(rungs)


@pytest.fixture
def explorer():
    return build_ladder_explorer(made_up, ASSISTANTS, STUDENT)


def set_to(explorer, teacher, chosen, way=None):
    explorer.controls["teacher"].value = teacher
    for place, name in enumerate(ASSISTANTS[teacher]):
        explorer.controls[f"assistant_{place}"].value = name in chosen
    if way:
        explorer.controls["way"].value = way


def drawing(explorer) -> ElementTree.Element:
    return ElementTree.fromstring(re.search("<svg.*</svg>", explorer.view.value).group())


def boxes(explorer) -> dict[str, dict]:
    """Name of a network → left and right end of its box, colour, and what is written in it."""
    tree, found = drawing(explorer), {}
    for rect in tree.iter("rect"):
        left = float(rect.get("x"))
        right = left + float(rect.get("width"))
        words = [t.text for t in tree.iter("text") if left <= float(t.get("x")) <= right]
        found[words[0]] = {"ends": (left, right), "words": words[1:], "colour": rect.get("stroke")}
    return found


def arrows(explorer) -> dict[tuple[str, str], bool]:
    """(teacher, student) → whether the arrow is dashed; paths in the head's definition are none."""
    found, drawn = {}, boxes(explorer)
    paths = drawing(explorer).findall("path")
    for path in paths:
        numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))]
        ends = tuple(
            next(n for n, b in drawn.items() if b["ends"][0] - 4 <= x <= b["ends"][1] + 4)
            for x in (numbers[0], numbers[-2])
        )
        assert numbers[0] < numbers[-2] and path.get("marker-end") == "url(#head)"
        found[ends] = bool(path.get("stroke-dasharray"))
    assert len(found) == len(paths)
    return found


def sentence(explorer) -> str:
    return unescape(re.findall("<div[^>]*>(.*?)</div>", explorer.view.value)[-1])


def interval(values) -> tuple[float, float]:
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def test_every_ladder_has_its_arrows_and_its_numbers_and_reset_goes_back(explorer):
    first, start = explorer.view.value, explorer.state
    ticks = [explorer.controls[f"assistant_{place}"] for place in range(3)]
    for (teacher, chosen), way in itertools.product(SUBSETS, WAYS):
        set_to(explorer, teacher, chosen, way)
        shown = [tick.description for tick in ticks if tick.layout.display != "none"]
        assert shown == list(ASSISTANTS[teacher])
        check_ladder(explorer, teacher, chosen, way)
    explorer.reset_button.click()
    assert (explorer.state, explorer.view.value) == (start, first)


def check_ladder(explorer, teacher, chosen, way):
    ladder = (teacher, *chosen, STUDENT)
    pairs = itertools.pairwise(ladder) if way == "chain" else itertools.combinations(ladder, 2)
    dashed = way == "stochastic" and bool(chosen)
    assert arrows(explorer) == {(a, b): dashed and b == STUDENT for a, b in pairs}
    drawn = boxes(explorer)
    assert list(drawn) == [teacher, *ASSISTANTS[teacher], STUDENT]
    rungs = made_up(teacher, chosen, way if chosen else "direct")
    if rungs is None:
        assert "not run" in sentence(explorer) and not re.search(r"\d", sentence(explorer))
        return
    for name, box in drawn.items():
        assert (box["colour"] == BLUE) == (name in ladder)
        if name not in ladder:
            assert box["words"] == []
            continue
        rung = rungs[ladder.index(name)]
        told = " | ".join(box["words"])
        assert f"{np.mean(rung.accuracies):.2f} %" in told and f"{rung.parameters:,}" in told
        between = "one network"  # whose five seeds are alike
        if name != teacher:
            between = "{:.2f} to {:.2f}".format(*interval(rung.accuracies))
        assert between in told
    seconds = [rung.seconds for rung in rungs]
    expected = [sum(seconds[1:]), seconds[0]] + ([sum(seconds[1:-1])] if chosen else [])
    told = [int(s) for s in re.findall(r"(\d+) s\b", sentence(explorer))]
    assert sorted(told) == sorted(round(s) for s in expected)
    assert f"{np.mean(rungs[-1].accuracies):.2f} %" in sentence(explorer)


def test_the_student_is_compared_with_the_teachers_direct_student():
    noise = np.array([0.5, -0.4, 0.1, -0.6, 0.4])
    direct = np.array([84.0, 85.0, 86.0, 83.0, 82.0])
    for offset, word in ((2.0, "BETTER"), (-2.0, "WORSE"), (0.0, WORDS[2])):

        def find(teacher, chosen, way, gain=offset + noise):
            top = {"large": 0.0, "medium": 5.0, "small": 9.0}[teacher]  # another's is elsewhere
            scores = direct + top + (gain if chosen else 0)
            above = [Rung(name, tuple(90 - noise), 1.0, 10) for name in (teacher, *chosen)]
            return (*above, Rung(STUDENT, tuple(scores.tolist()), 1.0, 10))

        explorer = build_ladder_explorer(find, ASSISTANTS, STUDENT)
        low, high = interval(offset + noise)
        for teacher, chosen in SUBSETS:
            set_to(explorer, teacher, chosen)
            told = sentence(explorer)
            if chosen:
                assert word in told and f"{np.mean(offset + noise):+.2f} points" in told
                assert f"{low:+.2f} to {high:+.2f}" in told
            else:
                assert not any(word in told for word in WORDS)


def test_rungs_have_the_numbers_of_the_records_and_none_is_trained(monkeypatch):
    of = {"teacher": lab.MEDIUM}
    ladders = [lab.ladder(seed, ("cnn-6", "cnn-4"), "dense", **of) for seed in (0, 1)]
    monkeypatch.setattr(runs, "train_recipe", lambda *_, **__: pytest.fail("trained"))
    rungs = stored_rungs(ladders)
    assert [rung.name for rung in rungs] == ["cnn-8", "cnn-6", "cnn-4", "cnn-2"]
    for rung, recipes in zip(rungs, zip(*ladders, strict=True), strict=True):
        own = [load_run(recipe).record for recipe in recipes]
        assert rung.accuracies == tuple(100 * record["test"]["accuracy"] for record in own)
        assert rung.seconds == pytest.approx(sum(record["seconds"] for record in own) / 2)
        assert {rung.parameters} == {record["parameters"] for record in own}
    for place, recipe in enumerate(ladders[0]):
        ladder = list(ladders[0])
        ladder[place] = replace(recipe, seed=987_654)
        assert stored_rungs([ladder, ladders[1]]) is None
