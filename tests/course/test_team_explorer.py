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
from PIL import Image
from scipy.special import softmax

from kd_course.nb05_specialists.explorer import MOST, build_team_explorer, members_on
from kd_course.nb05_specialists.member_answers import (
    EnsembleAnswers,
    SpecialistAnswers,
    TowerAnswers,
    ask_ensemble,
    ask_specialists,
)
from kd_helpers.data.augment import to_float
from kd_helpers.experiments.metrics import disagreement, error_correlation
from kd_helpers.models.zoo import make_model
from kd_helpers.widgets import svg

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


def towers_by_loops(members, on, way, T):
    scores = np.full((N, K), -np.inf)
    said = members if way == "logits" else [softmax(z, axis=1) for z in members]
    for k in range(K):
        owners = [(z, g) for z, g, flag in zip(said, OWNERS, on, strict=True) if flag and k in g]
        if owners:
            scores[:, k] = np.mean([z[:, g.index(k)] for z, g in owners], axis=0)
    return softmax(scores / T, axis=1)


# What several say together; that of whole teams is computed by hand in test_team_labs.py.


def test_towers_are_joined_as_by_hand_by_every_choice_of_members(teams):
    team = teams["towers"]
    for way, T, on in itertools.product(team.ways, (1.0, 3.0), subsets(len(team.members))):
        expected = towers_by_loops(arrays(team.members), on, way, T)
        np.testing.assert_allclose(team.joined(on, way, T).numpy(), expected, atol=1e-6)


def test_members_that_are_off_are_as_if_they_had_never_been_but_the_generalist_counts(teams):
    team, experts = teams["all"], teams["experts"]
    for way, on in itertools.product(team.ways, subsets(5)):
        rest = EnsembleAnswers([*itertools.compress(team.members, on)])
        expected = rest.joined((True,) * sum(on), way, 3.0)
        torch.testing.assert_close(team.joined(on, way, 3.0), expected)
    general, *special = experts.members
    for way, on in itertools.product(experts.ways, subsets(3, without_none=False)):
        chosen, groups = ([*itertools.compress(of, on)] for of in (special, GROUPS))
        rest = SpecialistAnswers([general, *chosen], tuple(groups))
        expected = rest.joined((True,) * (1 + sum(on)), way, 1.0)
        torch.testing.assert_close(experts.joined((False, *on), way, 1.0), expected)
        softened = expected ** (1 / 4)
        softened /= softened.sum(dim=1, keepdim=True)
        torch.testing.assert_close(experts.joined((False, *on), way, 4.0), softened)


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


# The explorer


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (N, 1, 28, 28), np.uint8)


@pytest.fixture
def explorer(teams, pictures):
    return build_team_explorer(pictures, teams, NAMES, LABELS, CLASSES)


def charts(explorer):
    """The charts of the view by title: names, values and colours of their bars."""
    found = {}
    for drawn in re.findall("<svg.*?</svg>", explorer.view.value):
        tree = ElementTree.fromstring(drawn)
        title, *words = [text.text for text in tree.iter("text")]
        colours = [bar.get("fill") for bar in tree.iter("rect")]
        found[title] = words[::2], [float(word) for word in words[1::2]], colours
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
        count = len(NAMES[team])
        shown = [box.layout.display != "none" for box in boxes(explorer)]
        assert shown == [True] * count + [False] * (MOST - count)
        assert [box.description for box in boxes(explorer)][:count] == NAMES[team]
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


def test_the_numbers_are_what_members_and_team_say(explorer, teams):
    for name, team in teams.items():
        on = (True, False, True, True, False)[: len(team.members)]
        set_to(explorer, team=name, temperature=2.5, place=4)
        switch(explorer, on)
        drawn = charts(explorer)
        joined = team.joined(on, team.ways[0], 2.5)
        said = [softmax(z[4] / 2.5) for z in itertools.compress(arrays(team.members), on)]
        orange = [c == svg.ORANGE for c in drawn[f"together: {team.ways[0]}"][2]]
        assert orange == [k == LABELS[4] for k in range(K)]
        for chart, expected in zip(drawn.values(), [*said, joined[4].numpy()], strict=True):
            np.testing.assert_allclose(chart[1], expected, atol=6e-4)
        answers = joined.argmax(dim=1)
        words = f"Label: {CLASSES[LABELS[4]]}. Together: {CLASSES[answers[4]]}. "
        assert sentence(explorer).startswith(words)
        share = 100 * sum(answers == LABELS) / N
        assert sentence(explorer).endswith(f"right on {share:.1f} % of these {N} images.")


# How different members are


def test_disagreement_and_correlation_of_errors_are_those_of_counts():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 60)
    answers = np.where(rng.random((4, 60)) < 0.6, labels, rng.integers(0, 3, (4, 60)))
    answers[3] = labels  # without any error there is no correlation
    told = torch.tensor(answers)
    apart, found = disagreement(told), error_correlation(told, torch.tensor(labels)).numpy()
    for i, j in itertools.product(range(4), repeat=2):
        assert apart[i, j] == pytest.approx(np.mean(answers[i] != answers[j]))
    correlation = np.corrcoef(answers[:3] != labels)  # one entry is 0 but for the last digits
    np.testing.assert_allclose(found[:3, :3], correlation, rtol=1e-6, atol=1e-12)
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()
