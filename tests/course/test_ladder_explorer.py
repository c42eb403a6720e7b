"""The chain builder of notebook 06: every ladder, its arrows, its numbers and its words."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections import Counter
from html import unescape

import numpy as np
import pytest
from scipy import stats

from kd_course.nb06_assistants.chain_builder import build_ladder_explorer
from kd_course.nb06_assistants.tables import Rung
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
    """Numbers of a ladder that are like those of no other; one teacher's dense ladders are
    unknown."""
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


def set_to(explorer, teacher, chosen, way=None, assistants=ASSISTANTS):
    explorer.controls["teacher"].value = teacher
    for place, name in enumerate(assistants[teacher]):
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


def test_every_ladder_has_its_arrows_and_its_numbers(explorer):
    for (teacher, chosen), way in itertools.product(SUBSETS, WAYS):
        check_ladder(explorer, teacher, chosen, way)


def check_ladder(explorer, teacher, chosen, way):
    set_to(explorer, teacher, chosen, way)
    ladder = (teacher, *chosen, STUDENT)
    pairs = itertools.pairwise(ladder) if way == "chain" else itertools.combinations(ladder, 2)
    dashed = way == "stochastic" and bool(chosen)
    assert arrows(explorer) == {(a, b): dashed and b == STUDENT for a, b in pairs}
    drawn = boxes(explorer)
    assert list(drawn) == [teacher, *ASSISTANTS[teacher], STUDENT]
    rungs = made_up(teacher, chosen, way if chosen else "direct")
    for name, box in drawn.items():
        assert (box["colour"] == BLUE) == (name in ladder)
        if name not in ladder:
            red, green, blue = re.findall("[0-9a-f]{2}", box["colour"])
            assert red == green == blue and box["words"] == []
        elif rungs is None:
            assert not re.search(r"\d", " ".join(box["words"]))
        else:
            rung = rungs[ladder.index(name)]
            told = " | ".join(box["words"])
            assert f"{np.mean(rung.accuracies):.2f} %" in told and f"{rung.parameters:,}" in told
            between = "one network"  # whose five seeds are alike
            if name != teacher:
                between = "{:.2f} to {:.2f}".format(*interval(rung.accuracies))
            assert between in told
    if rungs is None:
        assert "not run" in sentence(explorer) and not re.search(r"\d", sentence(explorer))
        return
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


def test_without_a_direct_student_there_is_no_verdict():
    explorer = build_ladder_explorer(
        lambda *what: made_up(*what) if what[1] else None, ASSISTANTS, STUDENT
    )
    assert " s " in sentence(explorer) and not any(word in sentence(explorer) for word in WORDS)
    set_to(explorer, "large", ())
    assert "not run" in sentence(explorer)


def test_each_stored_ladder_is_asked_for_once_and_one_trained_meanwhile_is_found():
    asked, stored = Counter(), set()

    def find(*what):
        asked[what] += 1
        return made_up(*what) if what in stored else None

    explorer = build_ladder_explorer(find, ASSISTANTS, STUDENT)
    assert "was not run" in explorer.view.value
    stored |= {(t, c, way) for t, c in SUBSETS for way in WAYS if c}
    stored |= {(teacher, (), "direct") for teacher in ASSISTANTS}
    asked.clear()
    for _, (teacher, chosen), way in itertools.product(range(2), SUBSETS, WAYS):
        set_to(explorer, teacher, chosen, way)
    assert set(asked) == stored
    assert {count for what, count in asked.items() if made_up(*what)} == {1}
    assert "was not run" not in explorer.view.value


def test_an_arrow_goes_over_a_network_that_is_left_out(explorer):
    """Through the grey box it would look as if that one took part."""
    set_to(explorer, "large", ("eight", "four"), "chain")
    paths = [p.get("d") for p in drawing(explorer).iter("path") if p.get("marker-end")]
    assert ["C" in d for d in paths] == [False, True, False]


def test_boxes_to_tick_are_those_of_the_teacher(explorer):
    ticks = [explorer.controls[f"assistant_{place}"] for place in range(3)]
    for teacher in ("small", "large", "medium", "large", "small"):
        explorer.controls["teacher"].value = teacher
        shown = [tick.description for tick in ticks if tick.layout.display != "none"]
        assert shown == list(ASSISTANTS[teacher])
    assert "assistant_3" not in explorer.controls


def test_reset_goes_back(explorer):
    first, start = explorer.view.value, explorer.state
    set_to(explorer, "medium", ("four",), "stochastic")
    assert explorer.view.value != first
    explorer.reset_button.click()
    assert (explorer.state, explorer.view.value) == (start, first)
    assert all(explorer.state[f"assistant_{place}"] for place in range(3))


def test_special_characters_are_only_characters():
    names = ("<T> & 'co'", 'a"b', "<script>x", "&lt;", "s'<i>")

    def find(teacher, chosen, way):
        return tuple(Rung(n, (80.0, 81.0, 82.0, 83.0, 84.0), 1.0, 10) for n in names)

    explorer = build_ladder_explorer(find, {names[0]: names[1:-1]}, names[-1])
    assert list(boxes(explorer)) == list(names) and names[-1] in sentence(explorer)
    assert all(name in drawing(explorer).get("aria-label") for name in names)
    assert "<script>" not in explorer.view.value and "<i>" not in explorer.view.value
    assert len(arrows(explorer)) == 4
