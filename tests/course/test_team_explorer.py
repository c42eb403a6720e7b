"""Teams with members left out, what networks are asked, the explorer of notebook 05, its
pictures."""

import base64
import io
import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from html import unescape

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import softmax

from kd_course.nb05_specialists.explorer import MOST, build_team_explorer, members_on
from kd_course.nb05_specialists.member_answers import (
    EnsembleAnswers,
    SpecialistAnswers,
    TowerAnswers,
    ask_ensemble,
    ask_specialists,
    ask_towers,
)
from kd_helpers.data.augment import to_float
from kd_helpers.experiments.metrics import disagreement, error_correlation
from kd_helpers.models.towers import Towers, UnifiedSpecialists, by_index
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.widgets import svg
from kd_helpers.widgets.figures import draw_class_map, draw_points, new_figure

N, K = 12, 7
GROUPS = ((0, 1, 2), (2, 3), (4, 5))  # two share a class, one class has no specialist
OWNERS = ((0, 1, 2, 3), (2, 3, 4), (4, 5, 6), (0, 1, 5))
CLASSES = ("tea", "milk", "salt", "oil & fat", "rye", "<b>jam", "egg'")
NAMES = {
    "all": ["Ann", "Bob", "Cleo", "Dan", "Eve"],
    "experts": ["generalist", "drinks", "<i>dry", "spreads & oil"],
    "towers": ["north", "east", "south", "west"],
}
LABELS = torch.tensor([5, 0, 6, 2, 3, 1, 4, 2, 6, 6, 0, 3])


@pytest.fixture
def teams():
    generator = torch.Generator().manual_seed(5)

    def logits(outputs):
        return 3 * torch.randn(N, outputs, generator=generator)

    return {
        "all": EnsembleAnswers([logits(K) for _ in range(5)]),
        "experts": SpecialistAnswers([logits(K), *(logits(len(g) + 1) for g in GROUPS)], GROUPS),
        "towers": TowerAnswers([logits(len(g) + 1) for g in OWNERS], OWNERS, K),
    }


def subsets(count, without_none=True):
    """Every choice of members, as flags."""
    choices = itertools.product((True, False), repeat=count)
    return [on for on in choices if any(on) or not without_none]


def arrays(members):
    return [z.double().numpy() for z in members]


# Independent computations, (N, K) in double precision


def ensemble_by_numpy(members, on, way, T):
    p = np.stack([softmax(z / T, axis=1) for z, flag in zip(members, on, strict=True) if flag])
    joined = p.mean(axis=0) if way == "arithmetic" else p.prod(axis=0) ** (1 / len(p))
    return joined / joined.sum(axis=1, keepdims=True)


def towers_by_loops(members, on, way, T):
    scores = np.full((N, K), -np.inf)
    said = members if way == "logits" else [softmax(z, axis=1) for z in members]
    for k in range(K):
        owners = [(z, g) for z, g, flag in zip(said, OWNERS, on, strict=True) if flag and k in g]
        if owners:
            scores[:, k] = np.mean([z[:, g.index(k)] for z, g in owners], axis=0)
    return softmax(scores / T, axis=1)


# What several say together


def test_generalists_and_towers_are_joined_as_by_hand_by_every_choice_of_members(teams):
    for name, by_hand in (("all", ensemble_by_numpy), ("towers", towers_by_loops)):
        team = teams[name]
        for way, T, on in itertools.product(team.ways, (1.0, 3.0), subsets(len(team.members))):
            expected = by_hand(arrays(team.members), on, way, T)
            np.testing.assert_allclose(team.joined(on, way, T).numpy(), expected, atol=1e-6)
    for team in teams.values():  # logits of a few hundred, too
        team.members = [40 * z for z in team.members]
        for way in team.ways:
            assert team.joined((True,) * len(team.members), way, 1.0).isfinite().all()


def test_specialists_join_by_the_teachers_rule_and_the_generalist_always_counts(teams):
    team = teams["experts"]
    general, *special = [z.double().softmax(dim=1) for z in team.members]
    for way, join in zip(team.ways, (join_specialists, mean_of_specialists), strict=True):
        for on in subsets(4, without_none=False):
            chosen = [[*itertools.compress(of, on[1:])] for of in (special, GROUPS)]
            expected = join(general, *chosen) if any(on[1:]) else general
            torch.testing.assert_close(
                team.joined(on, way, 1.0).double(), expected, atol=1e-6, rtol=0
            )
            softened = expected ** (1 / 4)
            softened /= softened.sum(dim=1, keepdim=True)
            torch.testing.assert_close(
                team.joined(on, way, 4.0).double(), softened, atol=1e-5, rtol=0
            )


# Asking networks

SHAPE = {"in_channels": 1, "image_size": 28}


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (105, 1, 28, 28), dtype=torch.uint8, generator=generator)


@torch.no_grad()
def direct(model, images):
    """One call, as an evaluated network answers."""
    model.eval()
    return model(to_float(images))


def test_specialists_answer_as_their_networks_do_with_corrected_dustbins(images):
    groups, shares = ((1, 2, 3), (0, 9)), (0.3, 0.15)
    torch.manual_seed(0)
    models = [make_model("cnn-2", num_classes=k, **SHAPE).train() for k in (10, 4, 3)]
    team = ask_specialists(models, images, groups, shares)
    assert all(model.training for model in models)  # left as they were
    assert team.groups == groups
    general, *special = team.members
    torch.testing.assert_close(general, direct(models[0], images), rtol=1e-4, atol=1e-5)
    assert ask_ensemble(models[:1], images).members[0].equal(general)
    for found, model, share in zip(special, models[1:], shares, strict=True):
        change = (found - direct(model, images)).numpy()  # half of the images were special
        np.testing.assert_allclose(change[:, :-1], 0, atol=1e-5)
        np.testing.assert_allclose(change[:, -1], math.log((1 - share) / share), atol=1e-5)


def test_towers_answer_as_their_networks_do(images):
    for average, trunk in (("logits", False), ("probabilities", True)):
        torch.manual_seed(9)
        how = Towers(by_index(10, 5), average=average, trunk=trunk)
        model = UnifiedSpecialists("cnn-2", how, num_classes=10, **SHAPE).eval()
        team = ask_towers(model, images)
        assert team.groups == by_index(10, 5) and not model.training
        for T in (1.0, 4.0):
            expected = (direct(model, images) / T).softmax(dim=1)
            torch.testing.assert_close(team.joined([True] * 5, average, T), expected)


# The explorer


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (N, 1, 28, 28), np.uint8)


@pytest.fixture
def explorer(teams, pictures):
    return build_team_explorer(pictures, teams, NAMES, LABELS, CLASSES)


def charts(explorer):
    """The charts of the view by title: names, values, lengths and colours of their bars."""
    found = {}
    for drawn in re.findall("<svg.*?</svg>", explorer.view.value):
        tree = ElementTree.fromstring(drawn)
        title, *words = [text.text for text in tree.iter("text")]
        bars = list(tree.iter("rect"))
        found[title] = {
            "names": words[::2],
            "values": [float(word) for word in words[1::2]],
            "lengths": [float(bar.get("width")) for bar in bars],
            "colours": [bar.get("fill") for bar in bars],
        }
    return found


def sentence(explorer):
    return unescape(re.findall("<div style='font-size[^>]*>(.*?)</div>", explorer.view.value)[-1])


def boxes(explorer):
    return [explorer.controls[f"member_{m}"] for m in range(MOST)]


def switch(explorer, on):
    for box, flag in zip(boxes(explorer), on, strict=False):
        box.value = flag


def set_to(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value


def assert_whole(explorer):
    """A member that is off is gone from the view; with none on all count."""
    assert not re.search(r"\bnan\b|<pre>", explorer.view.value)
    team = explorer.state["team"]
    on = members_on(explorer.state, len(NAMES[team]))
    shown = [name for name, flag in zip(NAMES[team], on, strict=True) if flag]
    assert list(charts(explorer)) == [*shown, f"together: {explorer.state['way']}"]


def test_every_control_draws_over_its_whole_range_and_reset_goes_back(explorer):
    first, start = explorer.view.value, explorer.state
    for team in NAMES:
        set_to(explorer, team=team)
        for way, T in itertools.product(explorer.controls["way"].options, (1.0, 10.0)):
            set_to(explorer, way=way, temperature=T)
            assert_whole(explorer)
        for place in (0, N - 1):
            set_to(explorer, place=place)
            assert_whole(explorer)
        for on in subsets(len(NAMES[team]), without_none=False):
            switch(explorer, on)
            assert_whole(explorer)
    assert explorer.view.value != first
    explorer.reset_button.click()
    assert explorer.state == start and explorer.view.value == first
    assert members_on({f"member_{m}": m == 4 for m in range(5)}, 4) == (True,) * 4
    assert members_on({f"member_{m}": m == 2 for m in range(5)}, 4) == (False, False, True, False)


def test_the_slider_walks_through_all_images_and_names_are_escaped(explorer, pictures):
    assert (explorer.controls["place"].min, explorer.controls["place"].max) == (0, N - 1)
    for team, place in itertools.product(NAMES, range(N)):
        set_to(explorer, team=team, place=place)
        data = re.search("base64,([^']*)'", explorer.view.value).group(1)
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        np.testing.assert_array_equal(shown, pictures[place, 0])
        assert not re.search("<b>|<i>|oil & fat|egg'", explorer.view.value)
        tree = ElementTree.fromstring(f"<div>{explorer.view.value}</div>")
        assert next(tree.iter("img")).get("alt") == f"the image, a {CLASSES[LABELS[place]]}"


def test_ways_and_boxes_are_those_of_the_team(explorer, teams):
    for team in ("towers", "experts", "all"):
        set_to(explorer, team=team)
        assert explorer.controls["way"].options == teams[team].ways
        assert explorer.controls["way"].value == teams[team].ways[0]
        count = len(NAMES[team])
        shown = [box.layout.display != "none" for box in boxes(explorer)]
        assert shown == [True] * count + [False] * (MOST - count)
        assert [box.description for box in boxes(explorer)][:count] == NAMES[team]


def test_the_numbers_are_what_members_and_team_say(explorer, teams):
    for name, team in teams.items():
        on = (True, False, True, True, False)[: len(team.members)]
        set_to(explorer, team=name, temperature=2.5, place=4)
        switch(explorer, on)
        drawn = charts(explorer)
        joined = team.joined(on, team.ways[0], 2.5)
        said = [softmax(z[4] / 2.5) for z in itertools.compress(arrays(team.members), on)]
        for chart, expected in zip(drawn.values(), [*said, joined[4].numpy()], strict=True):
            np.testing.assert_allclose(chart["values"], expected, atol=6e-4)
            longest = max(chart["lengths"]) / expected.max()
            np.testing.assert_allclose(chart["lengths"], longest * expected, atol=0.01)
        answers = joined.argmax(dim=1)
        words = f"Label: {CLASSES[LABELS[4]]}. Together: {CLASSES[answers[4]]}. "
        assert sentence(explorer).startswith(words)
        share = 100 * sum(answers == LABELS) / N
        assert sentence(explorer).endswith(f"right on {share:.1f} % of these {N} images.")


def test_the_orange_bar_is_the_label_or_the_rest(explorer, teams):
    for team in NAMES:
        rest = {"experts": "none of these", "towers": "bucket"}.get(team)
        set_to(explorer, team=team)
        for place, label in enumerate(LABELS.tolist()):
            set_to(explorer, place=place)
            *members, together = charts(explorer).values()
            for m, chart in enumerate(members):
                group = teams[team].classes_of(m) or range(K)
                names = [CLASSES[k] for k in group]
                assert chart["names"] == names + [rest] * (teams[team].classes_of(m) is not None)
                marked = [i for i, c in enumerate(chart["colours"]) if c == svg.ORANGE]
                expected = CLASSES[label] if label in group else rest
                assert [chart["names"][i] for i in marked] == [expected]
                assert set(chart["colours"]) == {svg.ORANGE, svg.BLUE}
            marked = [i for i, c in enumerate(together["colours"]) if c == svg.ORANGE]
            assert marked == [label] and set(together["colours"]) == {svg.ORANGE, svg.GREEN}


# How different members are


def test_disagreement_and_correlation_of_errors_are_those_of_counts():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 60)
    answers = np.where(rng.random((5, 60)) < 0.6, labels, rng.integers(0, 3, (5, 60)))
    answers[3] = np.where(answers[2] == labels, labels, (labels + 1) % 3)  # wrong where 2 is
    answers[4] = labels  # without any error there is no correlation
    told = torch.tensor(answers)
    apart, found = disagreement(told), error_correlation(told, torch.tensor(labels)).numpy()
    for i, j in itertools.product(range(5), repeat=2):
        assert apart[i, j] == pytest.approx(np.mean(answers[i] != answers[j]))
        if 4 not in (i, j):
            expected = np.corrcoef(answers[i] != labels, answers[j] != labels)[0, 1]
            assert found[i, j] == pytest.approx(expected)
    assert np.isnan(found[4]).all() and np.isnan(found[:, 4]).all()


BLOCKS = ((0, 4, 7), (1, 8), (2, 3, 5, 9), (6,))


def block_similarity(seed):
    """Ten classes, alike within the blocks, hardly between them; symmetric, 1 on the diagonal."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-0.2, 0.1, (10, 10))
    for block in BLOCKS:
        similarity[np.ix_(block, block)] = rng.uniform(0.4, 0.9, (len(block), len(block)))
    similarity = (similarity + similarity.T) / 2
    np.fill_diagonal(similarity, 1)
    return similarity


def test_the_class_map_keeps_alike_classes_side_by_side_and_marks_pairs_within_a_group():
    similarity, names = block_similarity(0), [f"class {k}" for k in range(10)]
    for groups in (BLOCKS, by_index(10, 5)):  # of towers: every class has two owners
        figure = Figure(figsize=(5, 5))
        order = draw_class_map(figure, similarity, names, groups, "a title")
        for block in BLOCKS:
            places = sorted(order.index(k) for k in block)
            assert places == list(range(places[0], places[0] + len(block)))
        axes = figure.axes[1]
        assert [t.get_text() for t in axes.get_xticklabels()] == [names[k] for k in order]
        written = {(int(y), int(x)): t for t in axes.texts for x, y in [t.get_position()]}
        assert set(written) == set(itertools.permutations(range(10), 2))  # without the diagonal
        for (i, j), text in written.items():
            number, *dot = text.get_text().split()
            assert float(number) == pytest.approx(similarity[order[i], order[j]], abs=0.006)
            assert bool(dot) == any(order[i] in g and order[j] in g for g in groups)


def test_twelve_points_are_told_apart():
    points = {f"point {i}": (10.0 ** (i % 5), float(i)) for i in range(12)}
    _, (axes,) = new_figure()
    draw_points(axes, points, title="t", x="size", y="accuracy")
    assert len({line.get_marker() for line in axes.get_lines()}) == 12
    drawn = {line.get_label(): tuple(line.get_xydata()[0]) for line in axes.get_lines()}
    assert drawn == points
