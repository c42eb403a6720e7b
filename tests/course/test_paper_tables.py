"""The papers' numbers: every row has a source, no cell is filled in, known numbers are there."""

from collections import Counter

import pytest

from kd_course.nb07_papers.tables import paper_numbers, printed, tables

CIFAR_100 = "plain CNN 10-4-2, CIFAR-100"
KNOWN = (
    ("takd_2020", {"table": "table 1", "setting": CIFAR_100}, [41.09, 44.57, 44.92]),
    ("dgkd_2021", {"setting": "ResNet 26-20-14-8, CIFAR-100", "method": "dense"}, [None]),
    ("hinton_2015", {"table": "table 5", "method": "soft targets, 3 % of the data"}, [65.4, 57.0]),
    ("cifar100_benchmark", {"setting": "ResNet 34-18, ImageNet", "paper": "DKD"}, [71.03, 71.7]),
    ("haitongli", {"setting": "five-layer CNN with dropout 0.5, CIFAR-10"}, [83.51, 84.49, 82.78]),
)


def test_every_number_has_a_source_a_unit_and_stands_there_once():
    for name in tables():
        rows = paper_numbers(name)
        assert rows and all(n.paper and n.setting and n.method and n.unit for n in rows)
        keys = Counter((n.paper, n.table, n.setting, n.method, n.unit) for n in rows)
        assert max(keys.values()) == 1
        for number in rows:
            most = 100 if number.unit.startswith("%") else float("inf")
            assert number.value is None or 0 < number.value <= most


def test_numbers_that_are_well_known():
    for name, wanted, values in KNOWN:
        rows = paper_numbers(name)
        found = [n.value for n in rows if all(getattr(n, k) == v for k, v in wanted.items())]
        assert found == values, (name, wanted)


def test_numbers_are_looked_up_by_setting_and_one_that_stands_there_never_is_refused():
    both = printed("takd_2020", "table 1", "plain CNN 10-4-2, {}", "chain", of=("CIFAR-100",))
    assert [n.value for n in both] == [44.92]
    with pytest.raises(ValueError, match="stands there 0 times"):
        printed("takd_2020", "table 1", "plain CNN 10-4-2, CIFAR-10", "dense")
    with pytest.raises(ValueError, match=r"'takd'.*dgkd_2021.*takd_2020"):
        paper_numbers("takd")
