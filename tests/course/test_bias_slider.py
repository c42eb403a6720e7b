"""The slider over the hidden class's bias says what argmax would say at each shift."""

import json
import re

import torch

from kd_course.nb02_hinton.bias_slider import SHIFTS, build_bias_slider
from kd_helpers.data.splits import Dataset, Split

HIDDEN = 2


def some_data() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator}
    splits = (
        Split(
            torch.randint(256, (n, 1, 28, 28), dtype=torch.uint8, **draw),
            torch.randint(4, (n,), **draw),
        )
        for n in (50, 600, 900)
    )
    return Dataset("drawn", ("a", "b", "c", "d"), *splits)


def test_shares_pictures_and_the_chosen_shift_are_those_of_argmax():
    data, answers = some_data(), {}
    for name, low in (("sure", 12.0), ("unsure", 4.0)):
        pair = []
        for split in (data.val, data.test):
            generator = torch.Generator().manual_seed(len(name))
            logits = torch.randn(len(split), 4, generator=generator)
            logits += 3 * torch.nn.functional.one_hot(split.labels, 4)
            logits[:, HIDDEN] -= low
            pair.append(logits)
        answers[name] = tuple(pair)
    html = build_bias_slider(data, answers, HIDDEN).html()
    told = json.loads(re.search(r"previousElementSibling, (\{.*\})\);</script>", html)[1])
    labels, count = data.test.labels, told["count"]
    assert {*told["names"][:count]} == {"c"} and "c" not in told["names"][count:]
    for name, found in told["students"].items():
        val, test = answers[name]
        right_at = []
        for step, shift in enumerate(SHIFTS):
            added = shift * torch.nn.functional.one_hot(torch.tensor(HIDDEN), 4)
            right = (test + added).argmax(dim=1) == labels
            for key, of in (("hidden", labels == HIDDEN), ("others", labels != HIDDEN)):
                assert abs(found[key][step] - 100 * right[of].float().mean()) < 0.01, (key, step)
            right_at.append(((val + added).argmax(dim=1) == data.val.labels).float().mean().item())
            lit = [
                needed < shift if i < count else found["right"][i] and needed >= shift
                for i, needed in enumerate(found["needed"])
            ]
            for own, some in ((True, lit[:count]), (False, lit[count:])):
                rows = ((labels == HIDDEN) == own).nonzero().flatten()
                rows = rows[torch.linspace(0, len(rows) - 1, count, dtype=torch.float64).long()]
                assert sum(a != b for a, b in zip(some, right[rows].tolist(), strict=True)) <= 1
        assert found["chosen"] == right_at.index(max(right_at))
    assert told["students"]["sure"]["chosen"] > told["students"]["unsure"]["chosen"] > 0
