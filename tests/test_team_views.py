"""What the explorer of notebook 05 shows, its self-checks, and how different the members are."""

import itertools
import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.special import softmax

from kd_helpers import checks_specialists as checks
from kd_helpers.checks_specialists import check_arithmetic, check_dustbin, check_special_labels
from kd_helpers.explorers_specialists import build_team_explorer
from kd_helpers.metrics import disagreement, error_correlation
from kd_helpers.models import make_model
from kd_helpers.plots import draw_class_map, draw_points, new_figure
from kd_helpers.specialists import correct_dustbin
from kd_helpers.team_answers import (
    EnsembleAnswers,
    SpecialistAnswers,
    TowerAnswers,
    ask_ensemble,
    ask_specialists,
    ask_towers,
)
from kd_helpers.towers import Towers, UnifiedSpecialists, by_index
from kd_helpers.training import predict

N, K = 6, 5
GROUPS = ((0, 1), (2, 3))
OWNERS = ((0, 1, 2), (2, 3, 4), (0, 1, 3, 4))
CLASSES = ("tea", "milk <b>", "salt", "oil", "rye")
RIGHT = (check_arithmetic, check_special_labels, check_dustbin)


@pytest.fixture
def teams():
    torch.manual_seed(0)
    return {
        "all": EnsembleAnswers([torch.randn(N, K) * 3 for _ in range(3)]),
        "experts": SpecialistAnswers(
            [torch.randn(N, K), *(torch.randn(N, 3) for _ in GROUPS)], GROUPS
        ),
        "towers": TowerAnswers([torch.randn(N, len(g) + 1) for g in OWNERS], OWNERS, K),
    }


# What several say together


@pytest.mark.parametrize("name", ("all", "experts", "towers"))
def test_every_choice_of_members_gives_probabilities(teams, name):
    team = teams[name]
    for on in itertools.product((True, False), repeat=3):
        if any(on):
            for way, T in itertools.product(team.ways, (1.0, 4.0)):
                p = team.joined(on, way, T)
                assert p.shape == (N, K) and (p >= 0).all()
                torch.testing.assert_close(
                    p.double().sum(dim=1), torch.ones(N).double(), rtol=0, atol=1e-5
                )


def test_generalists_are_averaged_as_probabilities_or_logits(teams):
    z = torch.stack(teams["all"].members[::2]).double().numpy()
    on = (True, False, True)
    found = teams["all"].joined(on, "arithmetic", 2.0).numpy()
    np.testing.assert_allclose(found, softmax(z / 2, axis=2).mean(axis=0), atol=1e-6)
    found = teams["all"].joined(on, "geometric", 2.0).numpy()
    np.testing.assert_allclose(found, softmax(z.mean(axis=0) / 2, axis=1), atol=1e-6)


def test_towers_average_over_the_owners_that_are_on(teams):
    z = [m.double().numpy() for m in teams["towers"].members]
    for on, way in itertools.product(
        ((True, True, True), (True, False, True)), ("logits", "probabilities")
    ):
        scores = np.full((N, K), -np.inf)
        for k in range(K):
            own = [
                (one if way == "logits" else softmax(one, axis=1))[:, g.index(k)]
                for one, g, is_on in zip(z, OWNERS, on, strict=True)
                if is_on and k in g
            ]
            scores[:, k] = np.mean(own, axis=0)
        found = teams["towers"].joined(on, way, 3.0).numpy()
        np.testing.assert_allclose(found, softmax(scores / 3, axis=1), atol=1e-6)
    alone = teams["towers"].joined((True, False, False), "logits", 1.0)
    assert not alone[:, 3:].any() and (alone[:, :3] > 0).all()


def test_specialists_join_as_a_search_image_by_image_says(teams):
    team = teams["experts"]
    general, *special = (softmax(z.double().numpy(), axis=1) for z in team.members)
    found = team.joined((True, True, True), "joint answer", 1.0).numpy()
    for row in range(N):
        active = [m for m, g in enumerate(GROUPS) if general[row].argmax() in g]

        def total(z, row=row, active=active):
            q = softmax(z)
            value = -(general[row] * np.log(q)).sum()
            for m in active:
                own = q[list(GROUPS[m])]
                value -= (special[m][row] * np.log([*own, 1 - own.sum()])).sum()
            return value

        best = softmax(minimize(total, np.zeros(K), tol=1e-12).x)
        np.testing.assert_allclose(found[row], best, atol=1e-4)
    alone = team.joined((True, False, False), "joint answer", 2.0).numpy()
    np.testing.assert_allclose(
        alone, softmax(team.members[0].double().numpy() / 2, axis=1), atol=1e-6
    )


def test_networks_are_asked_as_they_are():
    given = {"in_channels": 1, "image_size": 28}
    torch.manual_seed(0)
    images = torch.randint(256, (4, 1, 28, 28), dtype=torch.uint8)
    whole = [make_model("cnn-2", num_classes=10, **given) for _ in range(2)]
    expert = make_model("cnn-2", num_classes=4, **given)
    asked = ask_ensemble(whole, images).members
    assert [z.equal(predict(m, images)) for z, m in zip(asked, whole, strict=True)] == [True, True]
    _, corrected = ask_specialists([whole[0], expert], images, ((1, 2, 3),), [0.3]).members
    torch.testing.assert_close(corrected, correct_dustbin(predict(expert, images), 0.5, 0.3))
    for average in ("logits", "probabilities"):
        model = UnifiedSpecialists(
            "cnn-2", Towers(by_index(10, 5), average=average), num_classes=10, **given
        ).eval()
        told = ask_towers(model, images)
        assert [z.shape[1] for z in told.members] == [5] * 5
        torch.testing.assert_close(
            told.joined([True] * 5, average, 1.0), predict(model, images).softmax(dim=1)
        )


# The explorer


@pytest.fixture
def explorer(teams):
    images = np.random.default_rng(0).integers(0, 256, (N, 1, 28, 28), np.uint8)
    names = {"all": ["a", "b", "c"], "experts": ["gen", "one", "two"], "towers": ["x", "y", "z"]}
    return build_team_explorer(images, teams, names, torch.tensor([0, 1, 2, 3, 4, 0]), CLASSES)


def test_every_control_at_both_ends_draws(explorer):
    for name in ("all", "experts", "towers"):
        explorer.controls["team"].value = name
        for way in explorer.controls["way"].options:
            explorer.controls["way"].value = way
            for T, place in ((1.0, 0), (10.0, N - 1)):
                explorer.controls["temperature"].value = T
                explorer.controls["place"].value = place
                assert "Together right on" in explorer.view.value
                assert "Error" not in explorer.view.value
                assert explorer.view.value.count("<svg") == 4
    assert "milk &lt;b&gt;" in explorer.view.value and "milk <b>" not in explorer.view.value


def test_ways_and_members_are_those_of_the_team(explorer):
    assert explorer.controls["way"].options == ("geometric", "arithmetic")
    shown = [explorer.controls[f"member_{m}"].layout.display != "none" for m in range(5)]
    assert shown == [True, True, True, False, False]
    explorer.controls["team"].value = "experts"
    assert explorer.controls["way"].options == ("joint answer", "cheap mean")
    assert explorer.controls["member_0"].description == "gen"
    assert "none of these" in explorer.view.value


def test_a_member_that_is_off_is_gone_and_none_on_counts_as_all(explorer):
    before = explorer.view.value
    explorer.controls["member_1"].value = False
    assert explorer.view.value.count("<svg") == 3
    assert explorer.view.value != before
    for m in (0, 2):
        explorer.controls[f"member_{m}"].value = False
    assert explorer.view.value == before
    explorer.controls["team"].value = "towers"
    explorer.reset_button.click()
    assert explorer.view.value == before and explorer.state == explorer.defaults


def test_the_share_of_right_answers_is_counted_over_all_images(explorer, teams):
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    explorer.controls["team"].value = "towers"
    explorer.controls["member_0"].value = False
    p = teams["towers"].joined((False, True, True), "logits", 1.0)
    right = 100 * sum(int(row.argmax()) == y for row, y in zip(p, labels.tolist(), strict=True)) / N
    assert f"Together right on {right:.1f} %" in explorer.view.value


# How different members are


def test_disagreement_and_correlation_of_errors_against_loops():
    rng = np.random.default_rng(0)
    answers, labels = rng.integers(0, 3, (4, 50)), rng.integers(0, 3, 50)
    found = disagreement(torch.tensor(answers)).numpy()
    errors = error_correlation(torch.tensor(answers), torch.tensor(labels)).numpy()
    for i, j in itertools.product(range(4), repeat=2):
        assert found[i, j] == pytest.approx(np.mean(answers[i] != answers[j]))
        wrong = np.corrcoef(answers[i] != labels, answers[j] != labels)[0, 1]
        assert errors[i, j] == pytest.approx(wrong)


def test_the_class_map_keeps_similar_classes_together_and_marks_groups():
    similarity = np.full((5, 5), -0.1)
    for i, j in ((0, 3), (1, 4)):
        similarity[i, j] = similarity[j, i] = 0.6
    np.fill_diagonal(similarity, 1)
    figure = Figure()
    order = draw_class_map(figure, similarity, CLASSES, ((0, 3), (1, 4), (2,)))
    assert sorted(order) == list(range(5))
    for i, j in ((0, 3), (1, 4)):
        assert abs(order.index(i) - order.index(j)) == 1
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert sum("•" in text for text in texts) == 4 and len(texts) == 20  # no diagonal


def test_points_have_names_of_their_own():
    _, (ax,) = new_figure()
    draw_points(ax, {"a": (10, 1), "b": (100, 2)}, x="size")
    assert ax.get_xscale() == "log" and ax.get_legend_handles_labels()[1] == ["a", "b"]
    _, (ax,) = new_figure()
    assert draw_points(ax, {"a": (1, 1)}, log_x=False).get_xscale() == "linear"


# Self-checks


def s(z, dim=-1):
    e = torch.exp(z)
    return e / e.sum(dim=dim, keepdim=True)


def labels_by_loop(labels, group, classes):
    out = []
    for y in labels.tolist():
        out.append(y if y < 0 else group.index(y) if y in group else len(group))
    return torch.tensor(out)


def lowered(z, seen, true):  # all others down instead of the dustbin up
    z = z.clone()
    z[:, :-1] -= math.log(seen / (1 - seen) / (true / (1 - true)))
    return z


@pytest.mark.parametrize(
    ("check", "answer"),
    (
        (check_arithmetic, lambda z, T: sum(s(one / T) for one in z) / len(z)),
        (check_special_labels, labels_by_loop),
        (check_special_labels, lambda *a: labels_by_loop(*a).float()),
        (check_dustbin, lowered),
        (check_dustbin, lambda z, a, b: torch.log(s(lowered(z, a, b)))),
    ),
)
def test_right_answers_pass(check, answer):
    assert check(answer) == "[ok] right"


WRONG = (
    (check_arithmetic, lambda z, T: s(z.mean(0) / T), "geometric"),
    (check_arithmetic, lambda z, T: s(z).mean(0), "temperature is missing"),
    (check_arithmetic, lambda z, T: s(s(z / T).mean(0)), "softmax comes twice"),
    (check_arithmetic, lambda z, T: s(s(z).mean(0) / T), "softmax comes twice"),
    (check_arithmetic, lambda z, T: s(z / T).sum(0), "divide by their number"),
    (check_arithmetic, lambda z, T: s(z / T), "members are all still there"),
    (check_arithmetic, lambda z, T: s(z / T).mean(1), "dim=0"),
    (check_arithmetic, lambda z, T: s(z / T, 1).mean(0), "over the classes"),
    (check_arithmetic, lambda z, T: s(s(z).mean(0).log() / T), "averaged at T = 1"),
    (check_special_labels, lambda y, g, k: y, "nothing has changed"),
    (check_special_labels, lambda y, g, k: torch.tensor([g.index(c) if c in g else 3 for c in y.tolist()]), "went to the dustbin"),
    (check_special_labels, lambda y, g, k: torch.tensor([c if c < 0 or c in g else len(g) for c in y.tolist()]), "old class numbers"),
    (check_special_labels, lambda y, g, k: torch.tensor([g.index(c) if c in g else -100 for c in y.tolist()]), "hidden (-100) now"),
    (check_special_labels, lambda y, g, k: labels_by_loop(y, g, k)[y >= 0], "hidden images are missing"),
    (check_dustbin, lambda z, a, b: z, "nothing has changed"),
    (check_dustbin, lambda z, a, b: lowered(z, b, a), "raised the special classes"),
    (check_dustbin, lambda z, a, b: torch.cat([z[:, :-1], z[:, -1:] - math.log(a / (1 - a) / (b / (1 - b)))], 1), "other way round"),
    (check_dustbin, lambda z, a, b: torch.cat([z[:, :-1], z[:, -1:] + math.log(a / b)], 1), "the odds"),
    (check_dustbin, lambda z, a, b: torch.cat([z[:, :-1], z[:, -1:] + a / (1 - a) / (b / (1 - b))], 1), "logarithm is missing"),
    (check_dustbin, lambda z, a, b: z + math.log(a / (1 - a) / (b / (1 - b))), "every logit"),
)  # fmt: skip


@pytest.mark.parametrize(("check", "answer", "words"), WRONG)
def test_known_mistakes_get_their_name(check, answer, words):
    said = check(answer)
    assert said.startswith("[wrong] ") and words in said, said


@pytest.mark.parametrize("check", RIGHT)
def test_no_two_mistakes_look_alike(check, monkeypatch):
    """Else a learner would be told of the wrong one."""
    seen = {}

    def look(answer, case, expected, mistakes):
        values = {words: mistake(*case).double() for words, mistake in mistakes.items()}
        seen.update(values, right=expected.double())
        return "[ok] right"

    monkeypatch.setattr(checks, "report", look)
    check(lambda *_: None)
    assert len(seen) > 10
    for (one, a), (other, b) in itertools.combinations(seen.items(), 2):
        assert a.shape != b.shape or not torch.allclose(a, b, rtol=1e-4, atol=1e-6), (one, other)
