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
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

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
    p = np.zeros((N, K))
    for row in range(N):
        exponentials = {}
        for k in range(K):
            told = [
                z[row, g.index(k)]
                if way == "logits"
                else np.exp(z[row, g.index(k)]) / np.exp(z[row]).sum()
                for z, g, flag in zip(members, OWNERS, on, strict=True)
                if flag and k in g
            ]
            if told:
                exponentials[k] = math.exp(sum(told) / len(told) / T)
        for k, value in exponentials.items():
            p[row, k] = value / sum(exponentials.values())
    return p


def asked(general, on, row):
    """The specialists that are on and own the generalist's answer."""
    return [m for m, g in enumerate(GROUPS) if on[m + 1] and general[row].argmax() in g]


def joint_by_search(general, special, on, row):
    """The minimum of the sum of divergences (Hinton et al. 2015, eq. 5) for one image."""
    active = asked(general, on, row)

    def total(z):
        log_q = z - logsumexp(z)
        value = (general[row] * (np.log(general[row]) - log_q)).sum()
        for m in active:
            rest = [k for k in range(K) if k not in GROUPS[m]]
            seen = np.array([*log_q[list(GROUPS[m])], logsumexp(log_q[rest])])
            value += (special[m][row] * (np.log(special[m][row]) - seen)).sum()
        return value

    found = minimize(total, np.log(general[row]), method="BFGS", options={"gtol": 1e-8})
    return softmax(found.x)


def cheap_mean_by_loops(general, special, on, row):
    answers = []
    for m in asked(general, on, row):
        mine = general[row].copy()
        mass = sum(general[row][k] for k in GROUPS[m])
        for place, k in enumerate(GROUPS[m]):
            mine[k] = mass * special[m][row][place] / special[m][row][:-1].sum()
        answers.append(mine)
    return np.mean(answers, axis=0) if answers else general[row]


# What several say together


def test_every_choice_of_members_gives_probabilities(teams):
    for team, scale in itertools.product(teams.values(), (1, 40)):  # logits of a few hundred, too
        team.members = [scale * z for z in team.members]
        for on in subsets(len(team.members)):
            for way, T in itertools.product(team.ways, (1.0, 2.5)):
                p = team.joined(on, way, T)
                assert p.shape == (N, K) and p.isfinite().all() and (p >= 0).all(), (on, way)
                np.testing.assert_allclose(p.double().sum(dim=1).numpy(), 1, atol=1e-5)


def test_generalists_and_towers_are_joined_as_by_hand(teams):
    for name, by_hand in (("all", ensemble_by_numpy), ("towers", towers_by_loops)):
        team = teams[name]
        for way, T, on in itertools.product(team.ways, (1.0, 3.0), subsets(len(team.members))[::3]):
            expected = by_hand(arrays(team.members), on, way, T)
            np.testing.assert_allclose(team.joined(on, way, T).numpy(), expected, atol=1e-6)


def test_the_generalist_counts_whether_its_box_is_on_or_off(teams):
    team = teams["experts"]
    for way, T in itertools.product(team.ways, (1.0, 4.0)):
        alone = softmax(arrays(team.members)[0] / T, axis=1)
        found = team.joined((False, False, False, False), way, T)
        np.testing.assert_allclose(found.numpy(), alone, atol=1e-6)
        for rest in subsets(3):
            assert team.joined((True, *rest), way, T).equal(team.joined((False, *rest), way, T))


def test_specialists_join_as_one_image_after_the_other_says(teams):
    team = teams["experts"]
    general, *special = [softmax(z, axis=1) for z in arrays(team.members)]
    both = [asked(general, (True,) * 4, row) for row in range(N)]
    assert {len(active) for active in both} == {0, 1, 2}  # the case holds all kinds
    for way, one_image in zip(team.ways, (joint_by_search, cheap_mean_by_loops), strict=True):
        for on in ((True, True, True, True), (True, True, False, True), (True, False, True, False)):
            expected = np.stack([one_image(general, special, on, row) for row in range(N)])
            np.testing.assert_allclose(team.joined(on, way, 1.0).numpy(), expected, atol=2e-5)
            softened = expected ** (1 / 4)
            softened /= softened.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(team.joined(on, way, 4.0).numpy(), softened, atol=2e-4)


# Asking networks

SHAPE = {"in_channels": 1, "image_size": 28}


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (105, 1, 28, 28), dtype=torch.uint8, generator=generator)


def small_network(outputs, seed):
    torch.manual_seed(seed)
    return make_model("cnn-2", num_classes=outputs, **SHAPE)


def tower_network(**how):
    torch.manual_seed(9)
    return UnifiedSpecialists("cnn-2", Towers(by_index(10, 5), **how), num_classes=10, **SHAPE)


@torch.no_grad()
def direct(model, images):
    """One call, as an evaluated network answers."""
    model.eval()
    return model(to_float(images))


def test_an_ensemble_answers_as_its_networks_do(images):
    models = [small_network(10, seed).train() for seed in range(2)]
    team = ask_ensemble(models, images)
    assert all(model.training for model in models)  # left as they were
    for found, model in zip(team.members, models, strict=True):
        torch.testing.assert_close(found, direct(model, images), rtol=1e-4, atol=1e-5)


def test_specialists_answer_as_their_networks_do_with_corrected_dustbins(images):
    groups, shares = ((1, 2, 3), (0, 9)), (0.3, 0.15)
    models = [small_network(outputs, outputs) for outputs in (10, 4, 3)]
    team = ask_specialists(models, images, groups, shares)
    assert team.groups == groups
    general, *special = team.members
    torch.testing.assert_close(general, direct(models[0], images), rtol=1e-4, atol=1e-5)
    for found, model, share in zip(special, models[1:], shares, strict=True):
        change = (found - direct(model, images)).numpy()  # half of the images were special
        np.testing.assert_allclose(change[:, :-1], 0, atol=1e-5)
        np.testing.assert_allclose(change[:, -1], math.log((1 - share) / share), atol=1e-5)


def test_towers_answer_as_their_networks_do(images):
    for average, trunk in (("logits", False), ("probabilities", True)):
        model = tower_network(average=average, trunk=trunk).eval()
        team = ask_towers(model, images)
        assert team.groups == by_index(10, 5) and not model.training
        with torch.no_grad():
            outputs = [tower(model.trunk(to_float(images))) for tower in model.towers]
        for found, expected in zip(team.members, outputs, strict=True):
            assert found.shape == (len(images), 5)  # four classes and a bucket
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
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
    assert "Together right on" in explorer.view.value
    assert not re.search(r"\bnan\b|<pre>", explorer.view.value)
    team = explorer.state["team"]
    on = members_on(explorer.state, len(NAMES[team]))
    shown = [name for name, flag in zip(NAMES[team], on, strict=True) if flag]
    assert list(charts(explorer)) == [*shown, f"together: {explorer.state['way']}"]


def test_every_control_draws_over_its_whole_range(explorer):
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


def test_the_slider_walks_through_all_images(explorer, pictures):
    assert (explorer.controls["place"].min, explorer.controls["place"].max) == (0, N - 1)
    assert "of 12" in explorer.controls["place"].description
    for place in (0, 7, N - 1):
        set_to(explorer, place=place)
        data = re.search("base64,([^']*)'", explorer.view.value).group(1)
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        np.testing.assert_array_equal(shown, pictures[place, 0])


def test_boxes_are_hidden_where_a_team_has_fewer_members(explorer):
    for team in ("all", "towers", "experts", "all"):
        set_to(explorer, team=team)
        count = len(NAMES[team])
        shown = [box.layout.display != "none" for box in boxes(explorer)]
        assert shown == [True] * count + [False] * (MOST - count)
        assert [box.description for box in boxes(explorer)][:count] == NAMES[team]
        assert not any(box.description for box in boxes(explorer)[count:])


def test_the_ways_are_those_of_the_team(explorer):
    ways = {
        "all": ("geometric", "arithmetic"),
        "towers": ("logits", "probabilities"),
        "experts": ("joint answer", "cheap mean"),
    }
    for team, last in itertools.product(("towers", "experts", "all"), (0, 1)):
        set_to(explorer, team=team)
        assert explorer.controls["way"].options == ways[team]
        assert explorer.controls["way"].value == ways[team][0]
        set_to(explorer, way=ways[team][last])
        assert f"together: {ways[team][last]}" in charts(explorer)


def test_a_member_that_is_off_is_gone_from_the_view(explorer):
    for team in NAMES:
        set_to(explorer, team=team)
        before, view = charts(explorer), explorer.view.value
        for member, name in enumerate(NAMES[team]):
            boxes(explorer)[member].value = False
            after = charts(explorer)
            assert set(before) - set(after) == {name}
            for other in set(after) - {list(before)[-1]}:
                assert after[other] == before[other]  # what the others say does not change
            boxes(explorer)[member].value = True
            assert explorer.view.value == view


def test_the_numbers_are_what_members_and_team_say(explorer, teams):
    for team in NAMES:
        on = (True, False, True, True, False)[: len(NAMES[team])]
        set_to(explorer, team=team, temperature=2.5, place=4)
        switch(explorer, on)
        members = arrays(teams[team].members)
        drawn = charts(explorer)
        for name, z, flag in zip(NAMES[team], members, on, strict=True):
            if flag:
                expected = softmax(z[4] / 2.5)
                np.testing.assert_allclose(drawn[name]["values"], expected, atol=6e-4)
                longest = max(drawn[name]["lengths"]) / expected.max()
                np.testing.assert_allclose(drawn[name]["lengths"], longest * expected, atol=0.01)
        (together,) = [chart for name, chart in drawn.items() if name.startswith("together")]
        if team == "experts":
            general, *special = [softmax(z, axis=1) for z in members]
            expected = joint_by_search(general, special, on, 4) ** (1 / 2.5)
            expected /= expected.sum()
        elif team == "towers":
            expected = towers_by_loops(members, on, "logits", 2.5)[4]
        else:
            expected = ensemble_by_numpy(members, on, "geometric", 2.5)[4]
        np.testing.assert_allclose(together["values"], expected, atol=6e-4)
        assert together["names"] == list(CLASSES)
        words = f"Label: {CLASSES[LABELS[4]]}. Together: {CLASSES[expected.argmax()]}. "
        assert sentence(explorer).startswith(words)


def test_none_on_counts_as_all(explorer):
    for team in NAMES:
        switch(explorer, [True] * MOST)
        set_to(explorer, team=team)
        everyone = explorer.view.value
        switch(explorer, [True] + [False] * (MOST - 1))
        assert explorer.view.value != everyone
        boxes(explorer)[0].value = False
        assert explorer.view.value == everyone
    assert members_on({f"member_{m}": m == 4 for m in range(5)}, 4) == (True,) * 4
    assert members_on({f"member_{m}": m == 2 for m in range(5)}, 4) == (False, False, True, False)


def test_reset_goes_back_after_changes_of_team(explorer):
    first, start = explorer.view.value, explorer.state
    looks = [(box.description, box.layout.display) for box in boxes(explorer)]
    for team in ("towers", "experts", "towers"):
        set_to(explorer, team=team)
        set_to(explorer, way=explorer.controls["way"].options[1], temperature=7.0, place=9)
        switch(explorer, (False, True, False, True, False))
    assert explorer.view.value != first
    explorer.reset_button.click()
    assert explorer.state == start and explorer.view.value == first
    assert [(box.description, box.layout.display) for box in boxes(explorer)] == looks


def test_the_share_of_right_answers_is_that_of_a_count(explorer, teams):
    for team, on in itertools.product(NAMES, subsets(3)):
        on = (*on, True, True)[: len(NAMES[team])]
        set_to(explorer, team=team)
        switch(explorer, on)
        p = teams[team].joined(on, teams[team].ways[0], 1.0)
        count = sum(int(row.argmax()) == y for row, y in zip(p, LABELS.tolist(), strict=True))
        words = f"Together right on {100 * count / N:.1f} % of these {N} images."
        assert sentence(explorer).endswith(words)


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


def test_names_are_escaped_wherever_they_stand(explorer):
    for team, place in itertools.product(NAMES, range(N)):
        set_to(explorer, team=team, place=place)
        assert not re.search("<b>|<i>|oil & fat|egg'", explorer.view.value)
        tree = ElementTree.fromstring(f"<div>{explorer.view.value}</div>")
        assert next(tree.iter("img")).get("alt") == f"the image, a {CLASSES[LABELS[place]]}"


# How different members are


def test_disagreement_is_a_count_over_pairs():
    rng = np.random.default_rng(2)
    answers = rng.integers(0, 4, (5, 37))
    found = disagreement(torch.tensor(answers)).numpy()
    for i, j in itertools.product(range(5), repeat=2):
        count = sum(a != b for a, b in zip(answers[i], answers[j], strict=True))
        assert found[i, j] == pytest.approx(count / 37)


def test_correlation_of_errors_is_that_of_right_and_wrong():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 60)
    answers = np.where(rng.random((4, 60)) < 0.6, labels, rng.integers(0, 3, (4, 60)))
    answers[3] = np.where(answers[2] == labels, labels, (labels + 1) % 3)  # wrong where 2 is
    found = error_correlation(torch.tensor(answers), torch.tensor(labels)).numpy()
    for i, j in itertools.product(range(4), repeat=2):
        a, b = (answers[m] != labels for m in (i, j))
        covariance = (a & b).mean() - a.mean() * b.mean()
        spread = math.sqrt(a.mean() * (1 - a.mean()) * b.mean() * (1 - b.mean()))
        assert found[i, j] == pytest.approx(covariance / spread)
    assert found[2, 3] == pytest.approx(1)


def test_without_any_error_there_is_no_correlation():
    labels = torch.tensor([0, 1, 2, 0])
    found = error_correlation(torch.stack([labels, labels.flip(0), labels.roll(1)]), labels)
    assert found[0].isnan().all() and found[:, 0].isnan().all() and found[1:, 1:].isfinite().all()


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


def class_map(similarity, groups):
    figure = Figure(figsize=(5, 5))
    names = [f"class {k}" for k in range(len(similarity))]
    return figure, draw_class_map(figure, similarity, names, groups, "a title")


def cells(axes):
    """(row, column) → what is written there."""
    return {(int(y), int(x)): t.get_text() for t in axes.texts for x, y in [t.get_position()]}


def test_the_class_map_keeps_alike_classes_side_by_side_and_numbers_follow_its_order():
    similarity = block_similarity(0)
    figure, order = class_map(similarity, BLOCKS)
    for block in BLOCKS:
        places = sorted(order.index(k) for k in block)
        assert places == list(range(places[0], places[0] + len(block)))
    tree_axes, axes = figure.axes[:2]
    assert tree_axes.get_title(loc="left") == "a title"
    names = [f"class {k}" for k in order]
    assert [t.get_text() for t in axes.get_xticklabels()] == names
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    written = cells(axes)
    apart = {(i, j) for i, j in itertools.product(range(10), repeat=2) if i != j}
    assert set(written) == apart  # the diagonal is left out
    for (i, j), words in written.items():
        assert float(words.split()[0]) == pytest.approx(similarity[order[i], order[j]], abs=0.006)


def test_the_dendrogram_shows_mean_distances():
    similarity = np.array(
        [[1, 0.8, 0.1, 0.3], [0.8, 1, 0.2, 0.0], [0.1, 0.2, 1, 0.6], [0.3, 0.0, 0.6, 1]]
    )
    figure, _ = class_map(similarity, ((0, 1), (2, 3)))
    drawn = [path for lines in figure.axes[0].collections for path in lines.get_paths()]
    heights = sorted(path.vertices[:, 1].max() for path in drawn)
    np.testing.assert_allclose(heights, [0.2, 0.4, np.mean([0.9, 0.7, 0.8, 1.0])])
    low, high = figure.axes[0].get_ylim()
    assert low < heights[0] and heights[-1] < high


def test_dots_mark_exactly_the_pairs_within_a_group():
    for groups in (BLOCKS, by_index(10, 5)):  # of towers: every class has two owners
        figure, order = class_map(block_similarity(1), groups)
        marked = {pair for pair, words in cells(figure.axes[1]).items() if "•" in words}
        for i, j in itertools.permutations(range(10), 2):
            together = any(order[i] in group and order[j] in group for group in groups)
            assert ((i, j) in marked) == together, (order[i], order[j])


def test_twelve_points_are_told_apart():
    points = {f"point {i}": (10.0 ** (i % 5), float(i)) for i in range(12)}
    _, (axes,) = new_figure()
    assert draw_points(axes, points, title="t", x="size", y="accuracy") is axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("size", "accuracy")
    looks = {(line.get_marker(), line.get_color()) for line in axes.get_lines()}
    assert len(looks) == len({line.get_marker() for line in axes.get_lines()}) == 12
    drawn = {line.get_label(): line.get_xydata()[0].tolist() for line in axes.get_lines()}
    assert drawn == {name: list(point) for name, point in points.items()}
    assert axes.get_xscale() == "log"
    _, (axes,) = new_figure()
    assert draw_points(axes, points, log_x=False).get_xscale() == "linear"
